"""Whether a running call keeps its limits, and what to do when it does not: tell it to stop, and kill it when it does not listen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

from kiln.errors import Cancelled, KilnError, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, MemoryLimitError
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.executors.process_tree import resident_bytes

POLL_S: Final = 0.05
"""Between two looks."""

Order = Literal["go on", "stop", "kill"]


class CallWatch:
    """The limits of one call, from when it was sent. All times are on a clock that only runs forward."""

    def __init__(self, call: StageCall, *, pid: int, cancel: Callable[[], bool], waits: bool) -> None:
        self._call = call
        self._pid = pid
        self._cancel = cancel
        self._next_look = 0.0
        self._kill_at: float | None = None
        self.why: KilnError | None = None
        """Why the call was told to stop; None while it may go on."""

        self._waits = waits
        """For the GPU, which the child must lock before its time runs."""

        self._began = self._heard = time.monotonic()
        self._held = 0

    def started(self) -> None:
        """The child has the GPU now."""
        self._waits, self._began = False, time.monotonic()

    def heard(self, *, held_bytes: int = 0) -> None:
        """The child gave a sign of life, and perhaps how much memory it holds."""
        self._heard = time.monotonic()
        self._held = max(held_bytes, self._held)

    def look(self) -> Order:
        """What to do now. "stop" is said once, "kill" when the grace is over or there is no time for one."""
        now = time.monotonic()
        if now < self._next_look:
            return "go on"
        self._next_look = now + POLL_S
        if self._kill_at is not None:
            return "kill" if now >= self._kill_at else "go on"
        self.why = self._breach(now)
        if self.why is None:
            return "go on"
        if isinstance(self.why, MemoryLimitError):
            return "kill"
        self._kill_at = now + self._call.limits.grace_seconds
        return "stop"

    def _breach(self, now: float) -> KilnError | None:
        """What is broken, if anything."""
        call, limits = self._call, self._call.limits
        if self._cancel():
            return Cancelled("stopped: nothing was written")
        if self._waits:
            late = now - self._began > limits.wait_seconds + limits.grace_seconds
            return LaneBusy(f"{call.stage} could not have the GPU within {limits.wait_seconds:g} s: try again later") if late else None
        if now - self._began > limits.seconds:
            return TimeLimitError(
                f"{call.stage} was still busy after {limits.seconds:g} s and was stopped: simplify the input, or allow more"
            )
        if limits.silent_seconds is not None and now - self._heard > limits.silent_seconds:
            return TimeLimitError(f"{call.stage} gave no sign of life for {limits.silent_seconds:g} s and was stopped: try again")
        return self._memory_breach()

    def _memory_breach(self) -> KilnError | None:
        most = self._call.limits.resident_bytes
        if most is None or (resident_bytes(self._pid) or self._held) <= most:
            return None
        return MemoryLimitError(
            f"{self._call.stage} needs more than the {most / 1e9:.3g} GB that are allowed: "
            "ask for smaller maps or fewer triangles, or allow more"
        )
