"""Threads for work that waits for a disk or a database, so many for each sort of it: none can take the threads of another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

Result = TypeVar("Result")


class Threads:
    """Runs blocking work, at most `count` pieces at once; more wait for their turn."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """What the work returns. Whoever is cancelled meanwhile waits for its end."""
        return await anyio.to_thread.run_sync(partial(work, *args, **options), limiter=self._places())

    async def run_or_leave(self, work: Callable[..., Result]) -> Result:
        """Likewise, but whoever is cancelled leaves the thread to itself, which then keeps its place until it is done."""
        return await anyio.to_thread.run_sync(work, limiter=self._places(), abandon_on_cancel=True)

    def _places(self) -> CapacityLimiter:
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._count)  # it belongs to an event loop, so not before there is one
        return self._limiter
