"""Same work: of those in this process who are about to do it, one does, and the others look again when it is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kiln.errors import Cancelled
from kiln.jobs.executors.failure import LaneBusy

_POLL_S: Final = 0.1
"""Between two looks of a waiting thread whether it was cancelled."""


class SameWork:
    """One at a time for each name. A turn that ends by an error, too, goes on to the next in the row. For many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: set[str] = set()

    @contextmanager
    def turn(self, name: str, *, cancel: Callable[[], bool], wait_s: float) -> Iterator[None]:
        """Be the only one with this name. Cancelled when told so while waiting, LaneBusy when it took too long."""
        self._take(name, cancel, give_up=time.monotonic() + wait_s)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(name)
                self._changed.notify_all()

    def _take(self, name: str, cancel: Callable[[], bool], *, give_up: float) -> None:
        while True:
            with self._changed:
                if name not in self._taken or self._changed.wait_for(lambda: name not in self._taken, timeout=_POLL_S):
                    self._taken.add(name)
                    return
            if cancel():
                raise Cancelled("stopped while another job did the same work: nothing was written")
            if time.monotonic() > give_up:
                raise LaneBusy("another job does the same work and is not done in time: try again later")
