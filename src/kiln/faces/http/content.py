"""Stored contents as HTTP responses: whole or a range, checked on their way, in little memory however long they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import Final, cast

from fastapi import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from kiln.faces.http import problem
from kiln.faces.http.ranges import NoSuchBytes, Span, is_known, span_of
from kiln.faces.http.site import Site
from kiln.intake.names import content_disposition
from kiln.storage import Stored

_CACHED: Final = "private, max-age=31536000, immutable"
"""A key means the same bytes for ever."""


async def respond(site: Site, request: Request, stored: Stored, *, name: str) -> Response:
    """A content under a name for people. Refusal (416) when it has none of the bytes that are asked for."""
    etag = f'"{stored.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": _CACHED,
        "Content-Disposition": content_disposition(name),
    }
    if is_known(request.headers, etag=etag):
        return Response(status_code=304, headers=headers)
    try:
        span = span_of(request.headers, size=stored.size, etag=etag)
    except NoSuchBytes:
        size = {"Content-Range": f"bytes */{stored.size}"}
        raise problem.Refusal(problem.NO_RANGE, f"the content has {stored.size:,} bytes: ask for some of these", headers=size) from None
    if span is not None:
        headers["Content-Range"] = span.header
    status = 200 if span is None else 206
    span = span or Span(start=0, stop=stored.size, size=stored.size)
    headers |= {"Content-Length": str(span.stop - span.start), "Content-Type": stored.media_type}
    if request.method == "HEAD" or span.start == span.stop:
        return Response(status_code=status, headers=headers)
    return await _streamed(site, stored, span, status=status, headers=headers)


def redirect(site: Site, key: str) -> Response:
    """To where the object store hands a content out itself."""
    url = site.service.store.url(key, ttl_s=site.options.link_s)
    return RedirectResponse(url, status_code=307, headers={"Cache-Control": "no-store"})


async def _streamed(site: Site, stored: Stored, span: Span, *, status: int, headers: dict[str, str]) -> Response:
    """The content piece by piece. The first is there before anything is sent: what is damaged or gone is still told as a problem."""
    stop = None if span.is_whole else span.stop
    pieces = cast("Generator[bytes]", await site.content.run(site.service.store.stream, stored.key, start=span.start, stop=stop))
    first = await site.content.run(next, pieces, b"")
    return StreamingResponse(_rest(site, first, pieces), status_code=status, headers=headers)


async def _rest(site: Site, piece: bytes, pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece:
            yield piece
            piece = await site.content.run(next, pieces, b"")
    finally:
        pieces.close()
