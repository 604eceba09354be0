"""Spends a budget of triangles on convex parts so that together they cost least beside what they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kiln.geometry.slim_hull import Slim


def spend(options: Sequence[Sequence[Slim]], *, triangles: int) -> list[Slim] | None:
    """For each part the option with which all together cost least; None when the budget is too small for any.

    Exact, by dynamic programming over the budget in steps of two triangles: hulls have even numbers of them.
    """
    steps = triangles // 2
    least, ways = np.zeros(steps + 1), []
    for choices in options:
        costs = np.full((len(choices), steps + 1), np.inf)
        for row, slim in enumerate(choices):
            used = slim.triangles // 2
            if used <= steps:
                costs[row, used:] = least[: steps + 1 - used] + slim.cost
        ways.append(np.argmin(costs, axis=0))
        least = costs.min(axis=0)
    if not np.isfinite(least[steps]):
        return None
    chosen: list[Slim] = []
    left = steps
    for choices, way in zip(reversed(options), reversed(ways), strict=True):
        chosen.append(choices[way[left]])
        left -= chosen[-1].triangles // 2
    return chosen[::-1]
