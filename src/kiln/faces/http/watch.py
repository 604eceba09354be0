"""EventWatch: tells any number of streams of new events, with one small query each half second for all of them together.

A stream holds nothing but its place: it reads the events from the database, page by page, as fast as its client takes them. So a slow
client holds up nobody and costs no memory, and whoever comes back with the number of the last event seen misses nothing and gets nothing
twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio.to_thread

from kiln.errors import StorageError
from kiln.faces.http.threads import Threads
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.job import State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.lookups import Head, heads
from kiln.jobs.telemetry import metrics

_LOG: Final = logging.getLogger(__name__)

_PAGE: Final = 50
"""Events that a stream holds at once: 0.8 MB at most."""


@dataclass
class _Watched:
    """One job that somebody follows."""

    readers: int = 0
    head: Head | None = None
    """As the poller last saw it."""

    gone: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once, at the next change, and then replaced."""

    def wake(self) -> None:
        """Have all who wait look again."""
        self.changed.set()
        self.changed = asyncio.Event()


class EventWatch:
    """Follows jobs' events; `run` must be running meanwhile."""

    def __init__(self, database: Database, jobs: JobStore, *, threads: int, poll_s: float) -> None:
        self._database, self._jobs, self._poll_s = database, jobs, poll_s
        self._threads = Threads(threads)
        self._poller = Threads(1)
        self._watched: dict[str, _Watched] = {}
        self.closing = False
        """Whether the service stops, and all streams end."""

    async def follow(self, job_id: str, *, after: int) -> AsyncGenerator[Event]:
        """A job's events that are numbered above `after`, in order, until the one that ends it; also ends when the service stops or the
        database fails, after which the client comes back and goes on where it was."""
        with self._place(job_id) as place:
            while not self.closing and not place.gone:
                changed = place.changed  # before reading: what comes meanwhile must not be missed
                try:
                    events = await self._threads.run(self._jobs.events, job_id, after=after, limit=_PAGE)
                except StorageError as error:
                    metrics.storage_failed(error)
                    return
                for event in events:
                    yield event
                    after = event.seq
                    if _is_last(event):
                        return
                if len(events) < _PAGE:
                    await changed.wait()

    async def run(self) -> None:
        """Look for new events of all watched jobs, until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(self._poll_s)
            busy = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
            metrics.event_loop_seen(lag_s=max(0.0, time.monotonic() - began - self._poll_s), threads_busy=busy)
            if self._watched:
                await self._look()

    def close(self) -> None:
        """End all streams."""
        self.closing = True
        for place in self._watched.values():
            place.wake()

    async def _look(self) -> None:
        watched = list(self._watched)
        try:
            found = await self._poller.run(heads, self._database, watched)
        except StorageError as error:
            _LOG.warning("new events cannot be looked for: %s", error)
            return
        for job_id in watched:
            place = self._watched.get(job_id)
            if place is not None and place.head != (head := found.get(job_id)):
                place.head, place.gone = head, head is None
                place.wake()

    @contextmanager
    def _place(self, job_id: str) -> Iterator[_Watched]:
        place = self._watched.setdefault(job_id, _Watched())
        place.readers += 1
        try:
            yield place
        finally:
            place.readers -= 1
            if not place.readers:
                del self._watched[job_id]


def _is_last(event: Event) -> bool:
    """Whether a job has ended with this event: nothing is told of it afterwards."""
    return event.kind is EventKind.STATE and State(event.data["state"]).terminal
