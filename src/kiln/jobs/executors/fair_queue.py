"""Who goes next: a queue with priorities, and within a priority a fair share for every tenant.

Fairness is stride scheduling (Waldspurger and Weihl 1995, section 2): every tenant has a pass, the tenant with the smallest goes next,
and its pass grows by 1 / weight. While two tenants wait, what they were given differs from their shares by at most one turn each. A tenant
that comes, or comes back after a pause, starts at the pass of one that always had exactly its share, so that pausing saves up nothing and
a stream of new tenants starves nobody; it keeps its own pass when that is larger, so that coming back piece by piece gains nothing either.

A pure data structure: no clock, no thread, no lock. The same calls give the same order.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

_REMEMBERED_TENANTS: Final = 64
"""Passes of tenants that wait no longer are looked through when there are this many more of them than tenants that wait."""


@dataclass(kw_only=True)
class _Tenant(Generic[Item]):
    """One tenant's items of one priority, oldest first."""

    weight: int
    items: deque[Item] = field(default_factory=deque)


class _Level(Generic[Item]):
    """The items of one priority: which tenant is next."""

    def __init__(self) -> None:
        self.waiting: dict[str, _Tenant[Item]] = {}
        self._turns: list[tuple[float, int, str]] = []
        """A heap of (pass, when it joined, tenant), one for each waiting tenant."""

        self._passes: dict[str, float] = {}
        self._now = 0.0
        """The pass of a tenant that always had exactly its share; it grows by 1 / all weights with each turn."""

        self._weights = 0
        """Of all waiting tenants together."""

        self._joined = 0

    def put(self, item: Item, tenant: str, weight: int) -> None:
        """Append to the tenant's items; the newest weight counts."""
        if tenant not in self.waiting:
            self.waiting[tenant] = _Tenant(weight=0)
            self._passes[tenant] = max(self._now, self._passes.get(tenant, 0.0))
            self._queue_up(tenant)
        self._weights += weight - self.waiting[tenant].weight
        self.waiting[tenant].weight = weight
        self.waiting[tenant].items.append(item)

    def take(self, gone: set[Item]) -> Item | None:
        """The next item that is not gone; None when there is none. Items that are gone cost a tenant no turn."""
        while self._turns:
            position, _, name = heapq.heappop(self._turns)
            tenant = self.waiting[name]
            item = _first(tenant.items, gone)
            if item is None:
                self._leave(name)
                continue
            self._now = max(self._now, position) + 1.0 / self._weights
            self._passes[name] = position + 1.0 / tenant.weight
            if tenant.items:
                self._queue_up(name)
            else:
                self._leave(name)
            return item
        return None

    def _queue_up(self, tenant: str) -> None:
        self._joined += 1
        heapq.heappush(self._turns, (self._passes[tenant], self._joined, tenant))

    def _leave(self, tenant: str) -> None:
        """Forget a tenant without items, and now and then the passes that no longer say anything."""
        self._weights -= self.waiting.pop(tenant).weight
        if len(self._passes) > 2 * len(self.waiting) + _REMEMBERED_TENANTS:
            self._passes = {name: at for name, at in self._passes.items() if at > self._now or name in self.waiting}


def _first(items: deque[Item], gone: set[Item]) -> Item | None:
    """Take the oldest item that is not gone, dropping those before it that are."""
    while items:
        item = items.popleft()
        if item not in gone:
            return item
        gone.discard(item)
    return None


class FairQueue(Generic[Item]):
    """Items in the order in which they should be served; put, take and remove cost O(log tenants), taken over many calls."""

    def __init__(self) -> None:
        self._levels: dict[int, _Level[Item]] = {}
        self._priorities: list[int] = []
        self._present: set[Item] = set()
        self._gone: set[Item] = set()
        """Removed, but still in their tenant's row: they are dropped when their turn comes."""

    def __len__(self) -> int:
        return len(self._present)

    def __contains__(self, item: object) -> bool:
        return item in self._present

    def put(self, item: Item, *, tenant: str = "", priority: int = 0, weight: int = 1) -> None:
        """Let an item wait. A lower priority goes first, always; weight is the tenant's share.

        ValueError when it waits already, or the weight is below 1.
        """
        if weight < 1:
            raise ValueError(f"weight {weight} must be at least 1")
        if item in self._present or item in self._gone:
            raise ValueError(f"{item!r} was put into this queue before: give every item an identity of its own")
        if priority not in self._levels:
            self._levels[priority] = _Level()
            heapq.heappush(self._priorities, priority)
        self._levels[priority].put(item, tenant, weight)
        self._present.add(item)

    def take(self) -> Item | None:
        """The item whose turn it is, which then waits no longer; None when nobody waits."""
        while self._priorities:
            item = self._levels[self._priorities[0]].take(self._gone)
            if item is not None:
                self._present.discard(item)
                return item
            del self._levels[heapq.heappop(self._priorities)]
        return None

    def remove(self, item: Item) -> bool:
        """Let an item wait no longer; whether it did. Its tenant keeps its turn."""
        if item not in self._present:
            return False
        self._present.discard(item)
        self._gone.add(item)
        return True
