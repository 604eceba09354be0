"""A TCP link to a server that can be cut, and that remembers which HTTP requests went over it."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from contextlib import suppress

_REQUEST = re.compile(rb"(GET|PUT|HEAD|DELETE|POST) (/[^ ?]*)")
_CHUNK_BYTES = 1 << 16


class Link:
    """Listens on a port of its own, and passes on what comes; `latency_s` is added to every request. Close it when done."""

    def __init__(self, host: str, port: int, *, latency_s: float = 0.0) -> None:
        self._there = (host, port)
        self._latency_s = latency_s
        self._open: set[socket.socket] = set()
        self._cut = threading.Event()
        self.requests: Counter[str] = Counter()
        """By method and the first folder of the key."""

        self.bearers = 0
        """Chunks in which somebody showed a key that is none of this server's."""

        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, name="link", daemon=True).start()

    def cut(self) -> None:
        """From now on, every connection is refused, and those there are end."""
        self._cut.set()
        for end in tuple(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Pass on again."""
        self._cut.clear()

    def close(self) -> None:
        """Cut it for ever."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                here, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(here,), daemon=True).start()

    def _join(self, here: socket.socket) -> None:
        with here, suppress(OSError):
            if self._cut.is_set():
                return
            with socket.create_connection(self._there, timeout=10) as there:
                there.settimeout(None)
                ends = {here, there}
                self._open |= ends
                back = threading.Thread(target=self._pass, args=(there, here), daemon=True)
                back.start()
                self._pass(here, there, listening=True)
                back.join()
                self._open -= ends

    def _pass(self, source: socket.socket, target: socket.socket, *, listening: bool = False) -> None:
        with suppress(OSError):
            while (chunk := source.recv(_CHUNK_BYTES)) and not self._cut.is_set():
                if listening:
                    self._hear(chunk)
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _hear(self, chunk: bytes) -> None:
        self.bearers += b"bearer " in chunk.lower()
        request = _REQUEST.match(chunk)
        if request is not None:
            folders = request[2].decode("ascii", "replace").strip("/").split("/")
            self.requests[f"{request[1].decode()} {next((f for f in folders if f in _FOLDERS), 'other')}"] += 1
            time.sleep(self._latency_s)


_FOLDERS = ("blobs", "stages", "assets", "trash", "uploads")
"""Of a store's keys."""
