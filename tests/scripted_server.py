"""An HTTP server that answers as a script says, one entry a request; for what a real one does only on bad days."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Script:
    """Answers to come, and what was asked."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """What came with each of these."""

    url: str = ""


def answer(status: int, body: bytes = b"", *, cut: int = 0, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer; with `cut`, the connection breaks off so many bytes too early."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body) + cut), "Content_Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


@contextmanager
def scripted(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Script]:
    """A server for as long as the block lasts; its last answer is given again and again."""
    script = Script(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            script.bodies.append(self.rfile.read(length))
            script.asked.append((self.command, self.path, dict(self.headers)))
            step = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            step(self)

        do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
