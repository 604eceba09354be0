"""How often a worker looks for queued jobs: seldom while jobs take their time, often while they are over before the next look. Pure."""

from __future__ import annotations

from typing import Final

BUSY_POLL_S: Final = 0.025
_CALM_S: Final = 5.0
"""For so long there must be less to do before it looks seldom again."""


class Tempo:
    """Decides for a worker that carries out up to `width` jobs at once and looks every `idle_s` seconds when it has time."""

    def __init__(self, *, width: int, idle_s: float) -> None:
        self._width = width
        self._idle_s = idle_s
        self._busy_s: float | None = None
        """When it was last busy; None while it looks seldom."""

    def poll_s(self, *, done: int, now_s: float) -> float:
        """Seconds between two looks from now on, when so many jobs ended within the last idle_s; now_s is of a clock that never jumps."""
        if done >= self._width:  # all places were free again before the next look
            self._busy_s = now_s
        elif self._busy_s is not None and now_s - self._busy_s > _CALM_S:
            self._busy_s = None
        return self._idle_s if self._busy_s is None else min(BUSY_POLL_S, self._idle_s)
