"""How often and how many at once: token buckets by name, and counted places. In memory, for this process."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_MOST_NAMES: Final = 10_000
"""Buckets that are remembered; who has not come for longest is forgotten first, and begins with a full one."""


class TokenBuckets:
    """Lets each name do something `burst` times at once, and `a_second` in the long run."""

    def __init__(self, *, burst: int, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, a_second, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one, and return 0; or the seconds until there will be one."""
        left, now = self._now(name)
        wait_s = max(0.0, (1.0 - left) / self._rate)
        self._keep(name, left if wait_s else left - 1.0, now)
        return wait_s

    def _now(self, name: str) -> tuple[float, float]:
        now = self._clock()
        left, then = self._left.get(name, (float(self._burst), now))
        return min(float(self._burst), left + (now - then) * self._rate), now

    def _keep(self, name: str, left: float, now: float) -> None:
        self._left[name] = (left, now)
        self._left.move_to_end(name)
        if len(self._left) > _MOST_NAMES:
            self._left.popitem(last=False)


class NoPlace(Exception):
    """All places are taken."""


class Places:
    """Counted places for each name; whoever finds none goes away, nobody waits."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, name: str = "") -> Iterator[None]:
        """A place within the block. NoPlace when there is none."""
        if self._taken[name] >= self._most:
            raise NoPlace
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
