"""The outermost layer: gives every request an id, counts and logs it, sets the headers of every response, and leaves no error untold."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiln.faces.http import problem
from kiln.jobs.telemetry import metrics

LOG: Final = logging.getLogger("kiln.http")
"""A line for each request; its fields are extras: request_id, method, route, status, ms. Never a query, a header or a body."""

_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""Unless a response says otherwise: what strangers uploaded is handed out from here, and no page needs anything of it."""

_PROBES: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""They come every few seconds, so they are logged only for whoever looks for trouble; and what they answer is never a problem."""

_BROKEN_OFF: Final = 499
"""In the log, of a client that went away before it was answered."""


class Observe:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and write down what came of it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope[problem.REQUEST_ID] = secrets.token_hex(8)
        answer = _Answer(scope=scope, receive=receive, send=send)
        try:
            await self._app(scope, receive, answer.told if scope["type"] == "http" else send)
        except ClientDisconnect:
            answer.status = answer.status or _BROKEN_OFF
        except Exception:
            LOG.exception("request %s went wrong", scope[problem.REQUEST_ID])
            await answer.fail()
        finally:
            answer.close()


@dataclass
class _Answer:
    """What is being answered to one request."""

    scope: Scope
    receive: Receive
    send: Send
    began: float = field(default_factory=time.monotonic)
    status: int = 0
    replaced: bool = False

    async def told(self, message: Message) -> None:
        """Pass on a part of the response; a refusal of the machinery's own making becomes a problem first."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            self.status = message["status"]
            if self._is_machinery(headers):
                self.replaced = True
                kept = {name: headers[name] for name in ("Allow", "Retry-After") if name in headers}
                await problem.of_status(self.status, self.scope, headers=kept)(self.scope, self.receive, self._out)
                return
            message = {**message, "headers": headers.raw}
        if not self.replaced:
            await self._out(message)

    async def fail(self) -> None:
        """Tell of a mistake of ours, if nothing was told yet; else the connection breaks off, so that nobody takes half for the whole."""
        if self.scope["type"] != "http":
            return
        if self.status:
            raise ConnectionAbortedError("the response could not be finished")
        await problem.of_bug(self.scope)(self.scope, self.receive, self.told)

    def close(self) -> None:
        """Count the request, and write its line."""
        seconds, route = time.monotonic() - self.began, route_of(self.scope)
        method = self.scope.get("method", "WEBSOCKET")
        facts: dict[str, Any] = {"method": method, "route": route, "status": self.status, "ms": round(1000 * seconds, 1)}
        facts["request_id"] = self.scope[problem.REQUEST_ID]
        if self.scope["type"] == "http":
            metrics.http_answered(method=method, route=route, status=self.status, seconds=seconds)
        quiet = route in _PROBES or (method == "GET" and self.status < HTTPStatus.BAD_REQUEST)
        level = logging.DEBUG if quiet else logging.INFO
        LOG.log(level, "%s %s %s", _shown(method), route or "(no route)", self.status, extra=facts)

    def _is_machinery(self, headers: MutableHeaders) -> bool:
        """Whether a refusal is in the framework's words."""
        told = headers.get("content-type") == problem.MEDIA_TYPE or route_of(self.scope) in _PROBES
        return self.status >= HTTPStatus.BAD_REQUEST and not told

    async def _out(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self.scope[problem.REQUEST_ID]
            message = {**message, "headers": headers.raw}
        await self.send(message)


def route_of(scope: Scope) -> str:
    """The pattern that the request's path has matched, such as /v1/jobs/{job_id}; "" when it matched none."""
    return str(getattr(scope.get("route"), "path", ""))


def _shown(method: str) -> str:
    return method[:20] if method.isalnum() else "?"
