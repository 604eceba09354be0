"""A binary heap of directed edges by cost, smallest first, in plain arrays."""

from __future__ import annotations

import numpy as np

from kiln.kernels import inner


@inner
def _before(costs: np.ndarray, items: np.ndarray, i: int, j: int) -> bool:
    """Whether entry i comes before entry j; equal costs go by item, so the order never depends on history."""
    if costs[i] != costs[j]:
        return costs[i] < costs[j]
    return items[i, 0] < items[j, 0] or (items[i, 0] == items[j, 0] and items[i, 1] < items[j, 1])


@inner
def _swap(costs: np.ndarray, items: np.ndarray, i: int, j: int) -> None:
    """Exchange two entries."""
    costs[i], costs[j] = costs[j], costs[i]
    for k in range(4):
        items[i, k], items[j, k] = items[j, k], items[i, k]


@inner
def push(costs: np.ndarray, items: np.ndarray, size: int, cost: float, first: int, second: int, stamp: int, level: int) -> int:
    """Add (first, second, stamp, level) at this cost; returns the new size. costs (N,) float64, items (N, 4) int32, size < N."""
    costs[size] = cost
    items[size, 0], items[size, 1], items[size, 2], items[size, 3] = first, second, stamp, level
    i = size
    while i > 0 and _before(costs, items, i, (i - 1) // 2):
        _swap(costs, items, i, (i - 1) // 2)
        i = (i - 1) // 2
    return size + 1


@inner
def pop(costs: np.ndarray, items: np.ndarray, size: int) -> int:
    """Move the entry of least cost to place size - 1, just past the heap's new end; returns the new size."""
    size -= 1
    _swap(costs, items, 0, size)
    i = 0
    while True:
        least = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < size and _before(costs, items, child, least):
                least = child
        if least == i:
            return size
        _swap(costs, items, i, least)
        i = least
