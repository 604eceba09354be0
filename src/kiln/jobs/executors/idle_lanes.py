"""Gives back the memory of lanes that nobody has needed for long."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from kiln.jobs.executors.lane import Lane

_LOOKS: Final = 10
"""In the shortest time that a lane may be idle, so that it is idle for a tenth longer at most."""


class IdleLanes:
    """Looks at lanes now and then, in a thread of its own, and lets those rest that have been idle for their `idle_s`."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._closing = threading.Event()
        if lanes:
            threading.Thread(target=self._look, name="idle lanes", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def _look(self) -> None:
        period_s = min(lane.idle_s for lane in self._lanes) / _LOOKS
        while not self._closing.wait(period_s):
            for lane in self._lanes:
                lane.rest()
