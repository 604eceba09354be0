"""Serves an app over HTTP/1.1 with uvicorn, with the time limits that uvicorn does not have, and an end that leaves no stream hanging."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from kiln.errors import SetupError
from kiln.faces.http.site import Site

_HEADER_S: Final = 10.0
"""For a request's line and headers to arrive, and for a new connection to say anything at all."""

_HEADER_BYTES: Final = 32 * 1024
_IDLE_S: Final = 15
"""Between two requests on one connection."""

_BACKLOG: Final = 1024
"""Connections that wait to be taken."""

_WS_BYTES: Final = 4096
"""Of a WebSocket's message: clients have nothing to say but who they are."""


class Server(uvicorn.Server):
    """One app at one address. `run` returns after SIGINT or SIGTERM, once what was begun is answered."""

    def __init__(self, app: FastAPI, *, drain_s: int = 30) -> None:
        """`drain_s` is how long what was begun may still take after the end was asked for."""
        self._site: Site = app.state.site
        super().__init__(
            uvicorn.Config(
                app,
                http=_Patient,
                ws="websockets-sansio",
                ws_max_size=_WS_BYTES,
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=drain_s,
                h11_max_incomplete_event_size=_HEADER_BYTES,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams first: uvicorn waits for all connections before it tells the app anything."""
        self._site.watch.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket for `Server.run(sockets=[...])`; port 0 takes any free one. SetupError when it cannot be listened on."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)  # told its protocol, or asyncio would not switch Nagle's delays of 40 ms off
    except (OSError, OverflowError) as error:
        raise _taken(host, port, error) from None
    try:
        if os.name != "nt":  # there it would let others take the port, too
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _taken(host, port, error) from None
    return made


def _taken(host: str, port: int, error: Exception) -> SetupError:
    return SetupError(f"port {port} of {host} cannot be listened on ({error}): choose another with --port, or another --host")


class _Patient(H11Protocol):
    """HTTP/1.1 on one connection, whose headers must arrive in time."""

    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._closing = self.loop.call_later(_HEADER_S, transport.close)

    def data_received(self, data: bytes) -> None:
        if self._closing is None and self.conn.their_state is IDLE:
            self._closing = self.loop.call_later(_HEADER_S, self.transport.close)
        super().data_received(data)
        if self.conn.their_state is not IDLE:
            self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient()
        super().connection_lost(exc)

    def _be_patient(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
