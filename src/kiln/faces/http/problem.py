"""Problems: what a client is told when something is refused or goes wrong, always as RFC 9457 says. The tables here are the only ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from kiln.errors import BudgetError, ConflictError, InputError, KilnError, RefusedError, SetupError, StorageError
from kiln.jobs.telemetry import metrics
from kiln.jobs.telemetry.scrub import scrub

MEDIA_TYPE: Final = "application/problem+json"

REQUEST_ID: Final = "kiln.request_id"
"""Where a request's scope holds its id."""

_LOG: Final = logging.getLogger(__name__)
_TYPE: Final = "urn:kiln:problem:"
_LONGEST_DETAIL: Final = 2000
_MOST_FAULTS: Final = 20
_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
"""That any address here knows."""


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    detail: str
    pointer: str | None = Field(default=None, description="where in the body it is, as a JSON pointer")
    parameter: str | None = Field(default=None, description="which parameter of the path, the query or the header it is")


class Problem(BaseModel):
    """Why a request was not answered as it was asked (RFC 9457)."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:kiln:problem:conflict",
                    "title": "It contradicts what is there already",
                    "status": 409,
                    "detail": "this Idempotency-Key was used for another request less than 24 h ago: give every request a key of its own",
                    "instance": "urn:kiln:request:5f2b8c1d9e0a4b67",
                }
            ]
        },
    )

    type: str = Field(description="which kind of problem, for programs: it never changes")
    title: str = Field(description="the same for every problem of this kind")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong, and how to cure it")
    instance: str = Field(description="the request's id, as it stands in the service's log")
    errors: tuple[Fault, ...] = Field((), description="what exactly is wrong with the request")


@dataclass(frozen=True, kw_only=True)
class Sort:
    """A kind of problem."""

    name: str
    status: int
    title: str


def _sort(name: str, status: int, title: str) -> Sort:
    return Sort(name=name, status=status, title=title)


_INTERNAL: Final = _sort("internal", 500, "Something went wrong in the service")
_UNAVAILABLE: Final = _sort("unavailable", 503, "The service cannot do this now")
NOT_FOUND: Final = _sort("not-found", 404, "There is no such thing")
UNAUTHORIZED: Final = _sort("unauthorized", 401, "A valid key is needed")
FORBIDDEN: Final = _sort("forbidden", 403, "This is not allowed")
TOO_OFTEN: Final = _sort("too-many-requests", 429, "Too many requests")
BUSY: Final = _sort("busy", 503, "The service is busy")
TOO_SLOW: Final = _sort("too-slow", 408, "The request did not arrive in time")
NO_RANGE: Final = _sort("range", 416, "There are no such bytes")
UNREADABLE: Final = _sort("unreadable", 400, "The request cannot be read")
INVALID: Final = _sort("request", 422, "The request cannot be used")
WRONG_TYPE: Final = _sort("kind", 415, "This kind of file is not taken")
_METHOD: Final = _sort("method-not-allowed", 405, "This address knows other methods")
_TOO_LARGE: Final = _sort("size", 413, "It is too large")

_BY_CLASS: Final[tuple[tuple[type[KilnError], Sort], ...]] = (
    (ConflictError, _sort("conflict", 409, "It contradicts what is there already")),
    (BudgetError, _sort("budget", 402, "It would cost more than is left")),
    (SetupError, _sort("setup", 422, "This service lacks what the request needs")),
    (InputError, INVALID),
)
"""The first that fits counts. What a request asks for and this machine lacks is no fault of the service: it was never going to do it."""

_BY_REASON: Final[Mapping[str, Sort]] = {
    "kind": WRONG_TYPE,
    "size": _TOO_LARGE,
    "damaged": _sort("damaged", 422, "The file is damaged"),
    "effort": _sort("effort", 422, "It takes too much work to read"),
    "address": _sort("address", 422, "This URL is not followed"),
    "unreachable": _sort("unreachable", 422, "Nothing came of this URL"),
    "text": _sort("text", 422, "This text cannot be used"),
}
"""Of RefusedErrors."""

_BY_FAULT: Final[Mapping[str, Sort]] = {
    "missing": _sort("gone", 404, "Its content is no longer there"),
    "exists": _sort("conflict", 409, "It contradicts what is there already"),
    "damaged": _sort("stored-damaged", 500, "What is stored is damaged"),
    "forbidden": _UNAVAILABLE,
    "full": _sort("full", 507, "There is no room left"),
    "unavailable": _UNAVAILABLE,
}
"""Of StorageErrors."""

_BY_STATUS: Final[Mapping[int, Sort]] = {
    sort.status: sort
    for sort in (
        UNREADABLE,
        UNAUTHORIZED,
        FORBIDDEN,
        NOT_FOUND,
        _METHOD,
        TOO_SLOW,
        _TOO_LARGE,
        WRONG_TYPE,
        NO_RANGE,
        INVALID,
        TOO_OFTEN,
        _INTERNAL,
        BUSY,
    )
}
"""Of what HTTP's own machinery refuses."""

_AFTER_S: Final = 2.0
"""When to come back to a database or store that is out of reach."""


class Refusal(KilnError):
    """A request that HTTP itself has a status for."""

    def __init__(self, sort: Sort, message: str, *, headers: Mapping[str, str] | None = None, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.sort = sort
        self.headers = dict(headers or {})
        self.faults = faults


def come_back(sort: Sort, message: str, *, after_s: float) -> Refusal:
    """A refusal that says when to try again."""
    return Refusal(sort, message, headers=_retry_after(after_s))


@contextmanager
def or_not_found() -> Iterator[None]:
    """Within the block, only one thing can be wrong with what was asked: that it is not there, or somebody else's."""
    try:
        yield
    except ConflictError:
        raise
    except InputError as error:
        raise Refusal(NOT_FOUND, str(error)) from None


def sort_of(error: KilnError) -> Sort:
    """The kind of problem that an error is."""
    if isinstance(error, Refusal):
        return error.sort
    if isinstance(error, RefusedError):
        return _BY_REASON[error.reason]
    if isinstance(error, StorageError):
        return _BY_FAULT[error.kind]
    return next((sort for cls, sort in _BY_CLASS if isinstance(error, cls)), _INTERNAL)


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds + 0.5)))}


def of_error(error: KilnError, scope: Scope) -> Response:
    """What a client is told of one of our errors."""
    if isinstance(error, RefusedError):
        metrics.refused(error)
    if isinstance(error, StorageError):
        metrics.storage_failed(error)
    sort = sort_of(error)
    if sort.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Refusal):
        _LOG.error("request %s: %s", _request_id(scope), scrub(str(error)))
    if sort is _INTERNAL:
        return of_bug(scope)
    if isinstance(error, Refusal):
        return response(sort, str(error), scope, headers=error.headers, faults=error.faults)
    headers = _retry_after(_AFTER_S) if sort is _UNAVAILABLE else {}
    return response(sort, str(error), scope, headers=headers)


def of_bug(scope: Scope) -> Response:
    """What a client is told of an error nobody foresaw: nothing of it."""
    return response(_INTERNAL, "the service made a mistake: tell whoever runs it this problem's instance", scope)


def of_status(status: int, scope: Scope, *, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """What a client is told when HTTP's own machinery refuses a request."""
    sort = _BY_STATUS.get(status) or _sort("http", status, HTTPStatus(status).phrase)
    return response(sort, detail or _DETAILS.get(status, sort.title), scope, headers=headers)


PATTERNS: Final[Mapping[str, str]] = {
    r"^https://": "it must begin with https://",
    r"^[\x21-\x7e]{1,250}$": "it must be 1 to 250 visible ASCII characters, without spaces",
    r"^[0-9]{1,18}$": "it must be the number of an event",
    r"^job_[0-9a-f]{24}$": "it must be the `cursor` of the page before; begin again without one",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": "it must be 1 to 64 letters, digits, '_', '.' or '-', a letter or digit first",
}
"""What the patterns of fields mean, for people."""

_DETAILS: Final[Mapping[int, str]] = {
    400: "the request is no good HTTP, JSON or form: check how it is put together",
    404: "there is nothing at this address: /openapi.json lists what there is",
    405: "use one of the methods that the header Allow names",
    408: "the body came too slowly, or stopped coming: send it again over a better connection",
    413: "the request is larger than this address takes: send less",
}


def response(
    sort: Sort, detail: str, scope: Scope, *, headers: Mapping[str, str] | None = None, faults: tuple[Fault, ...] = ()
) -> Response:
    """The HTTP response that tells of a problem."""
    problem = Problem(
        type=f"{_TYPE}{sort.name}",
        title=sort.title,
        status=sort.status,
        detail=_sentence(detail),
        instance=f"urn:kiln:request:{_request_id(scope)}",
        errors=faults,
    )
    body = problem.model_dump_json(exclude_defaults=True).encode()
    return Response(body, status_code=sort.status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def told(status: int) -> Mapping[str, Any]:
    """What the OpenAPI document says of a response that tells of a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


async def on_kiln_error(request: Request, error: Exception) -> Response:
    """Handle a KilnError."""
    return of_error(error, request.scope) if isinstance(error, KilnError) else of_bug(request.scope)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Handle what the framework refuses."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(method for method in _METHODS if _is_known(request, method))}
    return of_status(status, request.scope, headers=headers)


def _is_known(request: Request, method: str) -> bool:
    """Whether the request's address knows this method, too; a router alone names those of the first route that fits."""
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


async def on_invalid(request: Request, error: Exception) -> Response:
    """Handle a request whose fields are wrong."""
    entries = error.errors()[:_MOST_FAULTS] if isinstance(error, RequestValidationError) else []
    if any(entry["type"] == "json_invalid" for entry in entries):
        return response(UNREADABLE, "the body is no JSON: check its commas, quotes and brackets", request.scope)
    faults = tuple(map(_fault, entries))
    if any(entry["loc"] == ("body",) for entry in entries) and "json" not in request.headers.get("content-type", ""):
        return response(INVALID, "the body is not said to be JSON: send it with the header Content-Type: application/json", request.scope)
    words = "; ".join(f"{fault.pointer or fault.parameter or 'the body'}: {fault.detail}" for fault in faults)
    return response(INVALID, words or INVALID.title, request.scope, faults=faults)


def _fault(entry: Mapping[str, Any]) -> Fault:
    """What pydantic found, without repeating what was sent."""
    place, *path = [str(part)[:80] for part in entry["loc"]]
    pattern = str(entry.get("ctx", {}).get("pattern"))
    detail = _sentence(PATTERNS.get(pattern) or str(entry["msg"]).removeprefix("Value error, "))
    if place == "body":
        return Fault(detail=detail, pointer=_sentence("".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)))
    return Fault(detail=detail, parameter=_sentence(".".join(path)))


def _sentence(words: str) -> str:
    """Words without secrets, controls and halves of characters, and not too long."""
    return scrub(words).encode("utf-8", "replace").decode("utf-8")[:_LONGEST_DETAIL]


def _request_id(scope: Scope) -> str:
    return str(scope.get(REQUEST_ID, "unknown"))
