"""What a server's refusals and failures mean: the errors, and so the exit codes, of the same work done on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import httpx

from kiln.errors import (
    BackendError,
    BudgetError,
    Cancelled,
    ConflictError,
    ContractError,
    InputError,
    KilnError,
    PostconditionError,
    SetupError,
    StorageError,
    TimeLimitError,
)

_LONGEST_SENTENCE: Final = 2000
"""Characters of what a server says that are shown."""

_PROBLEM: Final = "urn:kiln:problem:"

_ERRORS_BY_PROBLEM: Final[Mapping[str, type[KilnError]]] = MappingProxyType(
    {
        "unauthorized": SetupError,
        "forbidden": SetupError,
        "setup": SetupError,
        "budget": BudgetError,
        "conflict": ConflictError,
        "gone": StorageError,
        "full": StorageError,
        "stored-damaged": StorageError,
        "unavailable": StorageError,
        "busy": StorageError,
        "too-many-requests": StorageError,
    }
)
"""A problem's type, as faces.http.problem names it -> the error. Other refusals (4xx) are an InputError, other failures (5xx) a bug."""

_ERRORS_BY_REASON: Final[Mapping[str, type[KilnError]]] = MappingProxyType(
    {
        "input": InputError,
        "setup": SetupError,
        "backend": BackendError,
        "timeout": TimeLimitError,
        "oom": SetupError,
        "storage": StorageError,
        "crashed": BackendError,
        "budget": BudgetError,
        "contract": ContractError,
        "postcondition": PostconditionError,
        "cancelled": Cancelled,
        "internal": KilnError,
    }
)
"""Why a job failed there -> the error, and so the exit code, of the same failure here."""

_NO_KEY: Final = (401, 403)
_OUT_OF_REACH: Final = (429, 502, 503, 504)


def error_of_answer(answer: httpx.Response) -> KilnError:
    """The error that an answer with a status of 400 or more stands for; its body must have been read."""
    problem = _problem(answer)
    if problem is None:
        return _error_of_stranger(answer)
    words = shown(str(problem.get("detail") or problem.get("title") or f"the server answered {answer.status_code}"))
    cls = _ERRORS_BY_PROBLEM.get(str(problem.get("type")).removeprefix(_PROBLEM))
    if answer.status_code in _NO_KEY:
        words += "; put a key of this server into KILN_API_KEY, or name its file with --api-key-file"
    if cls is not None:
        return cls(words)
    return InputError(words) if answer.status_code < 500 else KilnError(f"the server failed: {words}")


def _error_of_stranger(answer: httpx.Response) -> KilnError:
    """Of an answer that says nothing as Kiln does: a proxy's between us, or another program's."""
    status, url = answer.status_code, answer.request.url.copy_with(query=None)
    if status in _OUT_OF_REACH:
        return StorageError(f"what stands before the server says {status}: it cannot be reached now; try again later")
    return InputError(f"{url} answers {status}, but not as a Kiln server does: see that --server names one, and of this version")


def error_of_failure(failure: Mapping[str, Any]) -> KilnError:
    """The error that a job's failure stands for: {"reason": ..., "message": ...}. A reason that is new to us is a bug of the server's."""
    reason = str(failure.get("reason", "internal"))
    return _ERRORS_BY_REASON.get(reason, KilnError)(shown(str(failure.get("message") or f"the job failed: {reason}")))


def shown(words: str) -> str:
    """What a server says, fit for a terminal: without controls, and not too long."""
    return "".join(letter if letter.isprintable() else " " for letter in words)[:_LONGEST_SENTENCE]


def _problem(answer: httpx.Response) -> Mapping[str, Any] | None:
    """The RFC 9457 problem in an answer, if there is one."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        found = json.loads(answer.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
