"""/v1/jobs/{job_id}/events and /ws: what happens to a job, as it happens, as server-sent events or over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, WebSocket, WebSocketDisconnect
from fastapi.sse import EventSourceResponse, ServerSentEvent

from kiln.errors import KilnError
from kiln.faces.http import problem
from kiln.faces.http.gate import holder
from kiln.faces.http.limits import NoPlace
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import JobId, problems, router
from kiln.faces.http.shapes import EventShown
from kiln.faces.http.site import CALLER, Caller, Here, Reader, Site, check_scope, site_of
from kiln.jobs.records.events import Event
from kiln.jobs.records.job import Job
from kiln.jobs.records.keys import Scope
from kiln.jobs.telemetry import metrics

PROTOCOL: Final = "kiln.v1"
"""The WebSocket's subprotocol."""

_PAUSE_S: Final = 5.0
_HELLO_S: Final = 10.0
"""How long a WebSocket may take to say who it is."""

_HELLO_BYTES: Final = 1000
_CLOSED_DONE: Final = 1000
_CLOSED_RESTART: Final = 1012
_CLOSED_BY_STATUS: Final = 4000
"""A WebSocket that is refused is closed with this and the HTTP status."""

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,18}$", description="the last event that was seen; what follows it is told")
]


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of events."""
    paths = router("events", body_bytes=options.json_bytes)
    paths.get(
        "/jobs/{job_id}/events",
        operation_id="watchJob",
        summary="Follow a job until it ends",
        response_class=EventSourceResponse,
        responses=problems(404),
    )(_events)
    return paths


def make_socket_router() -> APIRouter:
    """The addresses of WebSockets; OpenAPI knows none of them."""
    paths = APIRouter(prefix="/v1")
    paths.websocket("/jobs/{job_id}/ws")(_socket)
    return paths


async def _followed(site: Here, caller: Reader, job_id: JobId) -> Job:
    with problem.or_not_found():
        return await site.door.run(site.service.jobs.get, job_id, tenant=caller.tenant)


async def _place(site: Here, caller: Reader) -> AsyncIterator[None]:
    """A place among the tenant's streams, for as long as the response lasts."""
    try:
        with site.streams.one(caller.tenant), metrics.stream_open():
            yield
    except NoPlace:
        raise _too_many() from None


async def _events(
    site: Here,
    job: Annotated[Job, Depends(_followed)],
    _place: Annotated[None, Depends(_place)],
    last_event_id: LastEventId = None,
) -> AsyncIterable[ServerSentEvent]:
    async with aclosing(_rest(site, job, after=int(last_event_id or 0))) as events:
        async for event in events:
            yield ServerSentEvent(raw_data=EventShown.of(event).model_dump_json(), event=event.kind.value, id=str(event.seq))
    if site.watch.closing:
        yield ServerSentEvent(comment="the service stops: come back, with the last event's id")


async def _rest(site: Site, job: Job, *, after: int) -> AsyncGenerator[Event]:
    """What happened to a job after an event, and happens from now on; nothing for a job that has ended and told all."""
    after = min(after, job.last_seq)
    if job.state.terminal and after == job.last_seq:
        return
    async with aclosing(site.watch.follow(job.id, after=after)) as events:
        async for event in events:
            yield event


async def _socket(socket: WebSocket, job_id: str, after: Annotated[int, Query(ge=0)] = 0) -> None:
    """Each event as a text message; what the client says is not listened to, but who it is if it has not said so before."""
    site = site_of(socket.scope)
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
    try:
        caller = socket.scope[CALLER] or await _introduced(site, socket)
        job = await _followed(site, check_scope(caller, Scope.READ), job_id)
        with site.streams.one(caller.tenant), metrics.stream_open():
            await _tell(site, socket, job, after=after)
        await socket.close(_CLOSED_RESTART if site.watch.closing else _CLOSED_DONE)
    except KilnError as error:
        await socket.close(_CLOSED_BY_STATUS + problem.sort_of(error).status, reason=problem.sort_of(error).title)
    except NoPlace:
        await socket.close(_CLOSED_BY_STATUS + problem.TOO_OFTEN.status, reason=problem.TOO_OFTEN.title)
    except WebSocketDisconnect:
        pass


async def _introduced(site: Site, socket: WebSocket) -> Caller:
    """Who it is, by its first message: {"key": "kiln_..."}. Refusal when it does not say, or nobody knows it."""
    try:
        said: Any = json.loads((await asyncio.wait_for(socket.receive_text(), _HELLO_S))[:_HELLO_BYTES])
        key = str(said["key"])
    except (TimeoutError, ValueError, KeyError, TypeError, RecursionError):
        raise problem.Refusal(problem.UNAUTHORIZED, 'say who you are with a first message {"key": "kiln_..."}') from None
    return await holder(site, socket.scope, key)


async def _tell(site: Site, socket: WebSocket, job: Job, *, after: int) -> None:
    """Send the events until the job ends or the client goes away, whichever is first."""
    listening = asyncio.ensure_future(_gone(socket))
    telling = asyncio.ensure_future(_send(site, socket, job, after=after))
    try:
        await asyncio.wait((listening, telling), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (listening, telling):
            task.cancel()
        results = await asyncio.gather(listening, telling, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _send(site: Site, socket: WebSocket, job: Job, *, after: int) -> None:
    async with aclosing(_rest(site, job, after=after)) as events:
        async for event in events:
            await socket.send_text(EventShown.of(event).model_dump_json())


async def _gone(socket: WebSocket) -> None:
    """Wait until the client goes away: WebSocketDisconnect."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    raise WebSocketDisconnect


def _too_many() -> problem.Refusal:
    return problem.come_back(problem.TOO_OFTEN, "too many streams are open for this tenant: close some", after_s=_PAUSE_S)
