"""Charts that would waste the atlas are cut: rings, forks and long arcs into pieces that pack."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from kiln.geometry.layout import Layout, Selection
from kiln.geometry.room import room

_PLACES = (0.25, 0.375, 0.5, 0.625, 0.75)
"""Where cuts are tried, as shares of a chart's area from one end; across its main direction and along it."""

_WORTH_CUTTING = 0.003
"""Share of the whole surface under which a chart stays whole. At 0.006 the hundred forks of a tree's twigs fill 61 % of its atlas, at
0.003 64 %, at 0.0015 the same with more charts."""

_GAIN = 0.9
"""A cut is made when the pieces need less than this share of the room: a seam costs vertices too. Over 14 meshes 0.9 fills 68.7 % of the
atlas with 616 charts, 0.95 68.9 % with 691."""

_ROUNDS = 3
"""Of cutting; each may halve the pieces of the last."""


def split_charts(layout: Layout, *, gutter: float, gain: float = _GAIN) -> None:
    """Cut charts wherever the pieces are expected to take much less of the atlas; pieces keep lying as the chart did."""
    for _ in range(_ROUNDS):
        everything = layout.everything()
        side = _best_cuts(everything, gutter, gain)
        if not side.any():
            return
        across = side[layout.edges.triangles]
        layout.joined[across[:, 0] != across[:, 1]] = False


def _best_cuts(everything: Selection, gutter: float, gain: float) -> Bool[np.ndarray, " triangles"]:
    """Which triangles lie beyond the best cut of their chart; none of a chart that is better whole."""
    area = everything.sums(everything.area)
    large = np.flatnonzero(area > _WORTH_CUTTING * area.sum())
    number = np.full(everything.count, -1)
    number[large] = np.arange(len(large))
    triangles = np.flatnonzero(number[everything.group] >= 0)
    group = number[everything.group[triangles]]
    best = gain * room(everything, gutter=gutter)[large]
    beyond = np.zeros(len(everything.triangles), bool)
    if not len(large):
        return beyond
    for rank in _ranks(everything.layout, triangles, group):
        for place in _PLACES:
            far = rank > place
            halves = Selection(everything.layout, triangles, 2 * group + far, 2 * len(large))
            needed = room(halves, gutter=gutter).reshape(-1, 2).sum(axis=1)
            better = needed < best
            best[better] = needed[better]
            beyond[triangles[better[group]]] = far[better[group]]
    return beyond


def _ranks(layout: Layout, triangles: Int64[np.ndarray, " t"], group: Int64[np.ndarray, " t"]) -> list[Float64[np.ndarray, " t"]]:
    """How far along its chart's main direction each triangle lies, and how far across, as the share of the chart's area before it."""
    middle, area = layout.corners[triangles].mean(axis=1) @ (1, 1j), layout.areas[triangles]
    count = int(group.max(initial=-1)) + 1
    total = np.bincount(group, area, count)
    centre = (np.bincount(group, area * middle.real, count) + 1j * np.bincount(group, area * middle.imag, count)) / total
    away = middle - centre[group]
    square = away**2 * area
    turn = np.exp(0.5j * np.angle(np.bincount(group, square.real, count) + 1j * np.bincount(group, square.imag, count)))
    turned = away / turn[group]
    ranks = []
    for along in (turned.real, turned.imag):
        order = np.lexsort((along, group))
        before = np.cumsum(area[order])
        first = np.r_[0.0, np.cumsum(total)[:-1]]
        rank = np.empty(len(group))
        rank[order] = (before - first[group[order]]) / total[group[order]]
        ranks.append(rank)
    return ranks
