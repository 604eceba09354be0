"""Both sides must keep moving: a body that drips in, or an answer that nobody takes, would hold its place for ever."""

from __future__ import annotations

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiln.faces.http.options import HttpOptions


class Deadlines:
    """ASGI middleware: limits how long a request's body may take, and how long any part of the response waits for its client."""

    def __init__(self, app: ASGIApp, options: HttpOptions) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within its limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_in_time(message: Message) -> None:
            try:
                await asyncio.wait_for(send(message), self._options.stalled_s)
            except TimeoutError:
                raise ClientDisconnect from None

        await self._app(scope, _Body(receive, self._options).receive, send_in_time)


class _Body:
    """A request's body on its way in."""

    def __init__(self, receive: Receive, options: HttpOptions) -> None:
        self._receive, self._options = receive, options
        self._began = time.monotonic()
        self._bytes = 0
        self._ended = False

    async def receive(self) -> Message:
        """The next part of the body; after its end, whether the client goes away, for which nobody is in a hurry."""
        if self._ended:
            return await self._receive()
        allowed_s = self._options.body_start_s + self._bytes / self._options.body_bytes_a_s
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._began + allowed_s - time.monotonic()))
        except TimeoutError:
            self._ended = True
            raise HTTPException(408, headers={"Connection": "close"}) from None
        self._bytes += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message
