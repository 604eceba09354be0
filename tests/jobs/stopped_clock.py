"""A clock that only moves when it is told to."""

from __future__ import annotations


class StoppedClock:
    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.at = now_ms

    def now_ms(self) -> int:
        return self.at
