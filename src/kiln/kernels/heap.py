"""A binary heap of directed edges by cost, smallest first, in plain arrays."""

from __future__ import annotations

import numpy as np

from kiln.kernels import inner


@inner
def _precedes(costs: np.ndarray, items: np.ndarray, i: int, cost: float, first: int, second: int) -> bool:
    """Whether entry i comes before (cost, first, second); equal costs go by item, so the order never depends on history."""
    if costs[i] != cost:
        return costs[i] < cost
    return items[i, 0] < first or (items[i, 0] == first and items[i, 1] < second)


@inner
def _set(costs: np.ndarray, items: np.ndarray, i: int, cost: float, first: int, second: int, stamp: int, level: int) -> None:
    """Write entry i."""
    costs[i] = cost
    items[i, 0], items[i, 1], items[i, 2], items[i, 3] = first, second, stamp, level


@inner
def push(costs: np.ndarray, items: np.ndarray, size: int, cost: float, first: int, second: int, stamp: int, level: int) -> int:
    """Add (first, second, stamp, level) at this cost; returns the new size. costs (N,) float64, items (N, 4) int32, size < N."""
    i = size
    while i > 0:
        above = (i - 1) // 2
        if _precedes(costs, items, above, cost, first, second):
            break
        _set(costs, items, i, costs[above], items[above, 0], items[above, 1], items[above, 2], items[above, 3])
        i = above
    _set(costs, items, i, cost, first, second, stamp, level)
    return size + 1


@inner
def pop(costs: np.ndarray, items: np.ndarray, size: int) -> int:
    """Move the entry of least cost to place size - 1, just past the heap's new end; returns the new size."""
    size -= 1
    cost, first, second, stamp, level = costs[size], items[size, 0], items[size, 1], items[size, 2], items[size, 3]
    _set(costs, items, size, costs[0], items[0, 0], items[0, 1], items[0, 2], items[0, 3])
    i, child = int(np.int64(0)), int(np.int64(1))  # typed: a constant would have functions compiled twice
    while child < size:
        if child + 1 < size and _precedes(costs, items, child + 1, costs[child], items[child, 0], items[child, 1]):
            child += 1
        if not _precedes(costs, items, child, cost, first, second):
            break
        _set(costs, items, i, costs[child], items[child, 0], items[child, 1], items[child, 2], items[child, 3])
        i, child = child, 2 * child + 1
    if size > 0:
        _set(costs, items, i, cost, first, second, stamp, level)
    return size
