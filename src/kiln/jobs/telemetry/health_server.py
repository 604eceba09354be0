"""The small HTTP server of a worker: whether it lives, whether it can work, and its numbers; for probes and Prometheus, nobody else."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from kiln.errors import SetupError
from kiln.jobs.telemetry import metrics

_LOG = logging.getLogger(__name__)

_REQUEST_S: Final = 5.0
"""How long a request's next byte is waited for; all of it may take twice as long."""

_MOST_AT_ONCE: Final = 8
"""Connections; more wait in the system's queue, or are refused."""

Answer = tuple[HTTPStatus, str, bytes]


def _nothing() -> tuple[str, ...]:
    return ()


class HealthServer:
    """Answers GET /livez, /readyz, /health and /metrics from its construction until it is closed.

    `troubles` says in sentences what keeps the worker from working, and `alive` whether it still does anything at all: a worker that is not
    alive is to be restarted, one with troubles is to be left in peace. Port 0 takes any free one. SetupError when the port is taken.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        troubles: Callable[[], Sequence[str]] = _nothing,
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self._troubles, self._alive = troubles, alive
        try:
            self._server = _Server((host, port), self)
        except OSError as error:
            raise SetupError(f"port {port} of {host} cannot be listened on ({error.strerror or error}): choose another") from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def answer(self, path: str) -> Answer:
        """Status, media type and body for a path."""
        if path == "/metrics":
            return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.render()
        if path in ("/livez", "/health"):
            return _verdict([] if self._alive() else ["the worker's heart has stopped"])
        if path == "/readyz":
            return _verdict(self._troubles())
        return HTTPStatus.NOT_FOUND, "text/plain", b"there are /livez, /readyz, /health and /metrics\n"


def _verdict(troubles: Sequence[str]) -> Answer:
    status = HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
    body = {"status": "unhealthy" if troubles else "healthy", "troubles": list(troubles)}
    return status, "application/json", json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    """A thread for each connection, but only for so many at once."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], health: HealthServer) -> None:
        self.health = health
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(timeout=_REQUEST_S):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        cut = threading.Timer(2 * _REQUEST_S, self.shutdown_request, (request,))  # a limit on each read alone lets a client drip for ever
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the shape of the base class
        _LOG.debug("a request to the health server broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request, then the connection is closed."""

    server: _Server
    timeout = _REQUEST_S
    server_version = "kiln"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a body."""
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._send(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Probes come every few seconds: only whoever looks for trouble wants to see them."""
        _LOG.debug(format, *args)

    def _send(self, *, with_body: bool) -> None:
        status, media_type, body = self.server.health.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
