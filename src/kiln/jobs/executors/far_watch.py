"""The second line behind a far lane's own limits: what to do when the far side itself is late, or does not stop when it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kiln.errors import Cancelled, KilnError, TimeLimitError
from kiln.jobs.executors.call_watch import Order
from kiln.jobs.executors.failure import LaneBusy
from kiln.jobs.executors.interface import StageCall

_SLACK_S: Final = 5.0
"""What a message may take on its way beyond what the far lane allows itself."""


class FarWatch:
    """One call as seen from here, from when it was sent. All times are on a clock that only runs forward.

    The far lane keeps the call's limits. This one only ends calls whose far side is late beyond all of them: it waits for a place,
    starts a child for up to `start_seconds`, waits for its GPU, runs, and stops within its grace.
    """

    def __init__(self, call: StageCall, *, start_seconds: float, cancel: Callable[[], bool]) -> None:
        limits = call.limits
        turn_s = limits.wait_seconds if call.lane == "gpu" else 0.0
        self._call = call
        self._cancel = cancel
        self._longest_s = start_seconds + turn_s + limits.seconds + limits.grace_seconds + _SLACK_S
        self._since = time.monotonic()
        self._kill_at: float | None = None
        self.has_begun = False
        """Whether the far side was heard."""

        self.why: KilnError | None = None
        """Why the call was told to stop; None while it may go on."""

    def begun(self) -> None:
        """The far side has a place and is at work."""
        if not self.has_begun:
            self.has_begun, self._since = True, time.monotonic()

    def look(self) -> Order:
        """What to do now. "stop" is said once, "kill" when the grace is over or nobody is there to be told."""
        now = time.monotonic()
        if self._kill_at is not None:
            return "kill" if now >= self._kill_at else "go on"
        self.why = self._breach(now)
        if self.why is None:
            return "go on"
        if not self.has_begun or not isinstance(self.why, Cancelled):
            return "kill"
        self._kill_at = now + self._call.limits.grace_seconds + _SLACK_S
        return "stop"

    def _breach(self, now: float) -> KilnError | None:
        """What is broken, if anything."""
        call, waited = self._call, now - self._since
        if self._cancel():
            return Cancelled("stopped: nothing was written")
        if not self.has_begun:
            most = call.limits.wait_seconds
            late = f"{call.stage} found no place within {most:g} s: try again later, or add machines"
            return LaneBusy(late) if waited > most else None
        if waited > self._longest_s:
            return TimeLimitError(f"nothing was heard of the end of {call.stage} for {waited:.0f} s, and it was stopped: try again")
        return None
