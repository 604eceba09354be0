"""A job on a server, watched to its end; the server and the way to it may go and come back meanwhile."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from kiln.errors import Cancelled, KilnError
from kiln.faces.remote.address import Address
from kiln.faces.remote.connection import Connection
from kiln.faces.remote.event_stream import EventStream, Told

_POLL_S: Final = 0.1
"""Between two looks at whether to stop."""

_CANCEL_S: Final = 30.0
"""How long a job may take to be cancelled once it was asked to; the server promises 10 s."""

_LAST_WORDS_PATIENCE_S: Final = 5.0
"""For a server that is away when it is to be told to cancel."""


def follow(address: Address, job_id: str, *, tell: Callable[[Told], None], stop: threading.Event | None = None) -> None:
    """Tell every event of a job until it has ended. When told to stop, the job is cancelled, and Cancelled raised once it is.

    StorageError when the server stays away; the job goes on there.
    """
    with Connection(address) as connection:
        reader = _Reader(EventStream(connection, job_id))
        while (told := reader.next(_POLL_S)) is not _END:
            if stop is not None and stop.is_set():
                _cancel(address, job_id, reader)
            if told is not None:
                tell(told)


def _cancel(address: Address, job_id: str, reader: _Reader) -> None:
    """Have the job cancelled, and wait until it is. Raises Cancelled; returns only when it had ended before anybody could stop it."""
    try:
        with Connection(address, patience_s=_LAST_WORDS_PATIENCE_S) as connection:
            connection.post(f"/v1/jobs/{job_id}/cancel")
    except Cancelled:
        raise
    except KilnError as error:
        raise Cancelled(f"stopped, but {job_id} could not be cancelled ({error}): see `kiln jobs show {job_id}`") from None
    give_up = time.monotonic() + _CANCEL_S
    while time.monotonic() < give_up:
        told = reader.next(_POLL_S)
        if told is _END or (told is not None and told.ends):
            raise Cancelled(f"stopped: {job_id} is cancelled, nothing was written")
    raise Cancelled(f"stopped: {job_id} was told to stop and has not yet; see `kiln jobs show {job_id}`")


_END: Final = Told(seq=-1, kind="", at_ms=0, data={})
"""After the last event."""


class _Reader:
    """Reads a stream in a thread of its own, so that whoever waits for its events can be stopped."""

    def __init__(self, stream: EventStream) -> None:
        self._told: queue.SimpleQueue[Told | Exception] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(stream,), name="events", daemon=True).start()

    def next(self, wait_s: float) -> Told | None:
        """The next event, `_END` after the last, None when there is none yet. Raises what the stream raised."""
        try:
            told = self._told.get(timeout=wait_s)
        except queue.Empty:
            return None
        if isinstance(told, Exception):
            raise told
        return told

    def _read(self, stream: EventStream) -> None:
        try:
            for told in stream:
                self._told.put(told)
            self._told.put(_END)
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            self._told.put(error)
