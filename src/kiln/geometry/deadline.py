"""A limit in time on work that may be left undone."""

from __future__ import annotations

import time
from collections.abc import Callable

KeepGoing = Callable[[], None]
"""Called between the batches of long work; raises OutOfTime when it should be given up."""


class OutOfTime(Exception):
    """Work was given up because its time is over; whoever set the deadline catches this."""


def without_end() -> None:
    """Go on, however long it takes."""


class Deadline:
    """A moment after which `keep_going` raises OutOfTime."""

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return time.monotonic() > self._moment

    def keep_going(self) -> None:
        """Raise OutOfTime when it is too late."""
        if self.passed:
            raise OutOfTime
