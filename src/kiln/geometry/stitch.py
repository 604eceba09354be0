"""Fewer and rounder charts: neighbours are joined along their common border wherever the two together still lie flat.

Greedy, many pairs a round: each pair is laid side by side, relaxed as rigid as possible, and kept when it neither flips, overlaps nor
stretches, and is expected to take less of the atlas than the two apart (`room`). So strips around a limb become one unrolled piece: a
comb fills 66 % of its atlas with 76 charts, where a limit on a chart's size left it at 46 % with 99.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex128, Int64

from kiln.geometry.layout import (
    Layout,
    Selection,
    box_fill,
    density_variation,
    doubled,
    flipped,
    lengths,
    overlapping,
    sheared_share,
    widths,
)
from kiln.geometry.room import room
from kiln.geometry.seams import connected_classes

_MAX_DENSITY_VARIATION = 0.09
"""Of texel density inside one chart, standard deviation over mean."""

_MAX_ABSORBED_VARIATION = 0.2
"""The same, for charts that are joined because they are slivers or too many."""

MOST_VARIATION = 0.5
"""The same, before more charts are left than were asked for."""

_MAX_SHEAR, _SHEARED = 1.5, 0.02
"""At most this share of a chart's area may have a largest stretch over this many times its smallest."""

_MIN_FILL = 0.75
"""Share of its smallest bounding rectangle from which a chart counts as a rectangle."""

_LONG, _LONGEST = 0.65, 0.95
"""Of the side of an atlas whose charts fill 65 %: a chart longer than the first is halved unless it is a rectangle, one longer than the
second in any case, lest it alone decide the scale."""

_SPRAWLING, _WORTH_CUTTING = 0.4, 0.01
"""A chart that fills less than this share of its smallest bounding rectangle is halved, if it is at least this share of the whole
surface."""

_LENIENCIES = 4
"""Steps in which the limit on a chart's stretch is raised until there are as few charts as were asked for."""

_SMALL = 0.002
"""Share of the whole surface under which a chart is joined to a neighbour whatever the size and shape of the two."""

_Judge = Callable[[Selection], Bool[np.ndarray, " pairs"]]
"""Tells which joined pairs must be parted again."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two charts, and the edges of the longest piece of their common border."""

    here: int
    there: int
    path: Int64[np.ndarray, " edges"]


def stitch(layout: Layout, *, gutter: float, apart: Bool[np.ndarray, " edges"] | None = None) -> None:
    """Join charts until no more pair takes less room together than apart.

    gutter is the padding's share of the atlas's side; charts are not joined along edges that are to stay apart.
    """
    refused = np.zeros(len(layout.joined), bool) if apart is None else apart.copy()
    while pairs := _pairs(layout, refused):
        _join(layout, pairs, refused, _room_limits(layout, pairs, gutter))


def absorb(layout: Layout, *, thinner_than: float, most: int | None = None) -> None:
    """Join charts that are thin (metres), and the smallest when there are more than `most`, to neighbours, even where that stretches them
    more than `stitch` would; some may stay, such as separate parts. If there are still more than `most`, any two are joined, those that
    stretch least first."""
    limit = _varying_by(_MAX_ABSORBED_VARIATION)
    _absorb(layout, limit, lambda charts: (widths(charts) < thinner_than) | _smallest(charts, _excess(charts, most)))
    for variation in () if most is None else np.linspace(_MAX_ABSORBED_VARIATION, MOST_VARIATION, _LENIENCIES):
        _absorb(layout, _varying_by(float(variation)), lambda charts: np.full(charts.count, _excess(charts, most) > 0), most)


def reattach(layout: Layout, triangles: Int64[np.ndarray, " some"], *, cells: int) -> None:
    """Join triangles that were cut loose to neighbours over which they do not lie, seen with so many cells to the whole surface."""
    loose = np.zeros(len(layout.areas), bool)
    loose[triangles] = True

    def exceeded(both: Selection) -> Bool[np.ndarray, " pairs"]:
        return flipped(both) | (both.sums(doubled(both, cells=cells)) > 0) | (density_variation(both) > _MAX_ABSORBED_VARIATION)

    _absorb(layout, exceeded, lambda charts: charts.sums(~loose[charts.triangles]) == 0)


def _absorb(layout: Layout, exceeded: _Judge, choose: Callable[[Selection], Bool[np.ndarray, " charts"]], most: int | None = None) -> None:
    """Join chosen charts to neighbours unless a limit is exceeded; no more of them than leaves `most`."""
    refused = np.zeros(len(layout.joined), bool)
    while True:
        everything = layout.everything()
        pairs = _pairs(layout, refused, choose(everything))
        if not pairs:
            return
        _join(layout, pairs if most is None else pairs[: _excess(everything, most)], refused, exceeded)


def _varying_by(most: float) -> _Judge:
    """Whether a pair flips, lies over itself, or varies in texel density by more than this."""
    return lambda both: flipped(both) | overlapping(both) | (density_variation(both) > most)


def _excess(charts: Selection, most: int | None) -> int:
    return 0 if most is None else max(0, charts.count - most)


def _smallest(charts: Selection, count: int) -> Bool[np.ndarray, " charts"]:
    """Which are the smallest so many charts."""
    chosen = np.zeros(charts.count, bool)
    chosen[np.argsort(charts.sums(charts.area), kind="stable")[:count]] = True
    return chosen


def mend(layout: Layout) -> None:
    """Halve charts that flip, overlap or sprawl, across their longest direction, until none does."""
    side = np.sqrt(layout.areas.sum() / 0.65)
    while True:
        everything = layout.everything()
        chart = everything.group
        bad = flipped(everything) | overlapping(everything)
        fill, large = box_fill(everything), everything.sums(everything.area) > _WORTH_CUTTING * layout.areas.sum()
        bad |= large & (fill < _SPRAWLING)
        reach = lengths(everything)
        bad |= (reach > _LONG * side) & ((fill < _MIN_FILL) | (reach > _LONGEST * side))
        alone = bad & (everything.sums(np.ones(len(chart))) == 1)
        layout.corners[alone[chart]] = layout.lying[alone[chart]]
        bad &= ~alone
        if not bad.any():
            return
        for c in np.flatnonzero(bad):
            _halve(layout, np.flatnonzero(chart == c))


def cut_loose(layout: Layout, triangles: Int64[np.ndarray, " some"]) -> None:
    """Make each of these triangles a chart of its own."""
    layout.joined[np.isin(layout.edges.triangles, triangles).any(axis=1)] = False
    layout.corners[triangles] = layout.lying[triangles]


def _halve(layout: Layout, triangles: Int64[np.ndarray, " some"]) -> None:
    """Cut a chart of two triangles or more between the two halves of its triangles, and lay both anew."""
    middle = layout.corners[triangles].mean(axis=1)
    middle -= middle.mean(axis=0)
    along = middle @ np.linalg.svd(middle, full_matrices=False)[2][0]
    side = np.zeros(len(layout.areas), np.int8)
    side[triangles[np.argsort(along, kind="stable")]] = np.where(np.arange(len(triangles)) < len(triangles) // 2, 1, 2)
    across = side[layout.edges.triangles]
    layout.joined[(across[:, 0] != across[:, 1]) & (across.min(axis=1) > 0)] = False
    layout.relax(triangles)


def _pairs(layout: Layout, refused: Bool[np.ndarray, " edges"], chosen: Bool[np.ndarray, " charts"] | None = None) -> list[_Pair]:
    """Pairs of charts to join, those with the largest share of their outline in common first; each chart is in one pair at most.

    With `chosen`, only pairs of which at least one is.
    """
    edges, chart = layout.edges, layout.charts()
    sides = np.sort(chart[edges.triangles], axis=1)
    open_edges = ~layout.joined & ~refused & (sides[:, 0] != sides[:, 1])
    border = np.flatnonzero(open_edges if chosen is None else open_edges & chosen[sides].any(axis=1))
    if not len(border):
        return []
    count = int(chart.max()) + 1
    piece = _pieces(sides[border] @ (count, 1), edges.points[border])
    order = np.argsort(piece, kind="stable")
    starts = np.searchsorted(piece[order], np.arange(piece.max() + 2))
    of_piece = sides[border[order[starts[:-1]]]]
    outline = np.bincount(sides[border].ravel(), np.repeat(edges.lengths[border], 2), count)
    score = np.bincount(piece, edges.lengths[border]) / np.maximum(outline[of_piece].min(axis=1), 1e-300)
    taken = np.zeros(count, bool)
    pairs = []
    for p in np.argsort(-score, kind="stable"):
        if not taken[of_piece[p]].any():
            taken[of_piece[p]] = True
            pairs.append(_Pair(int(of_piece[p, 0]), int(of_piece[p, 1]), border[order[starts[p] : starts[p + 1]]]))
    return pairs


def _pieces(pair: Int64[np.ndarray, " edges"], points: Int64[np.ndarray, "edges 2"]) -> Int64[np.ndarray, " edges"]:
    """The connected piece of its pair's border that each edge belongs to, numbered from 0."""
    key = np.repeat(pair, 2) * (int(points.max()) + 1) + points.ravel()
    _, node = np.unique(key, return_inverse=True)
    label = connected_classes(node.reshape(-1, 2).astype(np.int64), int(node.max()) + 1)[node.reshape(-1, 2)[:, 0]]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _join(layout: Layout, pairs: list[_Pair], refused: Bool[np.ndarray, " edges"], exceeded: _Judge) -> None:
    """Join each pair; undo and refuse those that do not lie well."""
    chart = layout.charts()
    before = layout.corners.copy()
    _lay_beside(layout, chart, pairs)
    pair_of = np.full(int(chart.max()) + 1, -1, np.int64)
    for number, pair in enumerate(pairs):
        pair_of[[pair.here, pair.there]] = number
        layout.joined[pair.path] = True
    closed = _closed(layout, pair_of[chart], len(pairs))
    some = np.flatnonzero(pair_of[chart] >= 0)
    open_ones = some[~closed[pair_of[chart[some]]]]
    if len(open_ones):
        layout.relax(open_ones)
    both = Selection(layout, some, pair_of[chart[some]], len(pairs))
    bad = closed | exceeded(both)
    for number in np.flatnonzero(bad).tolist():
        layout.joined[pairs[number].path] = False
        refused[pairs[number].path] = True
    undone = some[bad[both.group]]
    layout.corners[undone] = before[undone]


def _room_limits(layout: Layout, pairs: list[_Pair], gutter: float) -> _Judge:
    """Tells which pairs flip, overlap, stretch, or take more room than their two charts do now; small charts may take more."""
    chart = layout.charts()
    of_chart = np.full(int(chart.max()) + 1, -1)
    of_chart[[end for pair in pairs for end in (pair.here, pair.there)]] = np.arange(2 * len(pairs))
    some = np.flatnonzero(of_chart[chart] >= 0)
    single = Selection(layout, some, of_chart[chart[some]], 2 * len(pairs))
    small = single.sums(single.area).reshape(-1, 2).min(axis=1) < _SMALL * layout.areas.sum()
    apart = room(single, gutter=gutter).reshape(-1, 2).sum(axis=1)

    def exceeded(both: Selection) -> Bool[np.ndarray, " pairs"]:
        bad = flipped(both) | overlapping(both) | (density_variation(both) > _MAX_DENSITY_VARIATION)
        bad |= sheared_share(both, _MAX_SHEAR) > _SHEARED
        return bad | ((room(both, gutter=gutter) > apart) & ~small)

    return exceeded


def _closed(layout: Layout, pair_of: Int64[np.ndarray, " triangles"], count: int) -> Bool[np.ndarray, " pairs"]:
    """Which pairs would have no border left: a closed surface cannot lie flat."""
    inner = np.bincount(pair_of[layout.edges.triangles[layout.joined, 0]] + 1, minlength=count + 1)[1:]
    return 2 * inner == 3 * np.bincount(pair_of + 1, minlength=count + 1)[1:]


def _lay_beside(layout: Layout, chart: Int64[np.ndarray, " triangles"], pairs: list[_Pair]) -> None:
    """Turn and shift the second chart of each pair so that its side of the path lies on the first one's, in the least-squares sense."""
    number = np.repeat(np.arange(len(pairs)), [2 * len(pair.path) for pair in pairs])
    corners = layout.edges.corners[np.concatenate([pair.path for pair in pairs])].reshape(-1, 2)
    here_first = chart[corners[:, 0] // 3] == np.array([pair.here for pair in pairs])[number]
    flat = layout.corners @ (1, 1j)
    here, there = np.where(here_first, corners.T, corners.T[::-1])
    p, q = flat.reshape(-1)[here], flat.reshape(-1)[there]
    uses = np.bincount(number)
    at, own = _sums(number, p) / uses, _sums(number, q) / uses
    turn = _sums(number, np.conj(q - own[number]) * (p - at[number]))
    turn = np.where(np.abs(turn) > 0, turn / np.maximum(np.abs(turn), 1e-300), 1)
    pair_of = np.full(int(chart.max()) + 1, -1)
    pair_of[[pair.there for pair in pairs]] = np.arange(len(pairs))
    some = np.flatnonzero(pair_of[chart] >= 0)
    own_pair = pair_of[chart[some]][:, None]
    moved = (flat[some] - own[own_pair]) * turn[own_pair] + at[own_pair]
    layout.corners[some] = np.stack([moved.real, moved.imag], axis=-1)


def _sums(group: Int64[np.ndarray, " n"], values: Complex128[np.ndarray, " n"]) -> Complex128[np.ndarray, " groups"]:
    return np.asarray(np.bincount(group, values.real) + 1j * np.bincount(group, values.imag))
