"""Straight seams: triangles that stick out of a chart like teeth go over to the chart whose border they make shorter.

Gutters follow every tooth and nothing fits between them: at 10,000 triangles a toothed border wastes about 10 texels along its whole
length, a tenth of the atlas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from kiln.geometry.layout import Layout, density_variation, flipped, overlapping

_ROUNDS = 40
"""Of moving triangles that do not touch; most borders are straight after ten."""

_ATTEMPTS = 3
"""Times that charts which came out spoiled are left alone and the others straightened anew."""

_CREASED = 0.3
"""How much of its length a crease counts as a border: there a seam is welcome, the normal map need not bend normals back."""

_CREASE_COSINE = 0.8
"""Cosine of the angle between two triangles from which the edge between them is a crease: 37 degrees."""

_WORSE = 0.02
"""How much a chart's texel density may come to vary more, standard deviation over mean."""


def straighten(layout: Layout) -> None:
    """Shorten the borders between charts triangle by triangle, and lay changed charts flat anew; spoiled ones stay as they were."""
    if layout.joined.all():
        return
    around = _around(layout)
    joined, corners = layout.joined.copy(), layout.corners.copy()
    chart = layout.charts()
    variation = density_variation(layout.everything())
    frozen = np.zeros(int(chart.max(initial=-1)) + 1, bool)
    for _ in range(_ATTEMPTS):
        label = _moved(layout, around, chart.copy(), frozen)
        changed = np.zeros(len(frozen), bool)
        changed[chart[label != chart]] = changed[label[label != chart]] = True
        if not changed.any():
            return
        layout.relax(np.flatnonzero(changed[label]))
        spoiled = _spoiled(layout, label, variation) & changed
        if not spoiled.any():
            return
        frozen |= spoiled
        layout.joined, layout.corners = joined.copy(), corners.copy()


@dataclass(frozen=True, eq=False)
class _Around:
    """What lies across each triangle's three edges."""

    triangle: Int64[np.ndarray, "triangles 3"]
    """-1 where the surface ends."""

    edge: Int64[np.ndarray, "triangles 3"]
    weight: Float64[np.ndarray, "triangles 3"]
    """Length, metres; less along creases, nothing where the surface ends."""

    corners: Int64[np.ndarray, "triangles 3 2"]
    """The corners over there that lie on the edge's first and second end."""


def _around(layout: Layout) -> _Around:
    edges = layout.edges
    shape = (edges.triangle_count, 3)
    triangle, edge, weight = np.full(shape, -1), np.full(shape, -1), np.zeros(shape)
    corners = np.zeros((*shape, 2), np.int64)
    cost = edges.lengths * np.where(layout.crease_cosines < _CREASE_COSINE, _CREASED, 1.0)
    for side, end in ((0, 0), (1, 1)):
        own = edges.corners[:, end, side]
        triangle.reshape(-1)[own] = edges.triangles[:, 1 - side]
        edge.reshape(-1)[own], weight.reshape(-1)[own] = np.arange(len(own)), cost
        corners.reshape(-1, 2)[own] = np.stack([edges.corners[:, end, 1 - side], edges.corners[:, 1 - end, 1 - side]], axis=1)
    return _Around(triangle, edge, weight, corners)


def _moved(layout: Layout, around: _Around, label: Int64[np.ndarray, " t"], frozen: Bool[np.ndarray, " c"]) -> Int64[np.ndarray, " t"]:
    """The chart of each triangle after moving; joined edges and corners of moved triangles follow."""
    for _ in range(_ROUNDS):
        triangles, to = _movers(layout, around, label, frozen)
        if not len(triangles):
            break
        label[triangles] = to
        edge = around.edge[triangles]
        met = (label[around.triangle[triangles]] == to[:, None]) & (edge >= 0)
        layout.joined[edge[edge >= 0]] = False
        layout.joined[edge[met]] = True
        flat = layout.corners.reshape(-1, 2)
        for k in range(3):
            some = triangles[met[:, k]]
            flat[3 * some + k], flat[3 * some + (k + 1) % 3] = flat[around.corners[some, k, 0]], flat[around.corners[some, k, 1]]
    return label


def _movers(
    layout: Layout, around: _Around, label: Int64[np.ndarray, " t"], frozen: Bool[np.ndarray, " c"]
) -> tuple[Int64[np.ndarray, " movers"], Int64[np.ndarray, " movers"]]:
    """Triangles that hang on their chart by one edge at most and touch another chart along more; no two of them touch. And those charts."""
    some = np.flatnonzero(((around.edge >= 0) & ~layout.joined[around.edge]).sum(axis=1) >= 2)
    beside = label[around.triangle[some]]
    foreign = (around.edge[some] >= 0) & (beside != label[some][:, None]) & ~frozen[beside]
    weight = around.weight[some]
    same = (beside[:, :, None] == beside[:, None, :]) & foreign[:, :, None] & foreign[:, None, :]
    gain = np.einsum("tkj,tj->tk", same, weight) - (weight * layout.joined[around.edge[some]]).sum(axis=1)[:, None]
    gain[~foreign | frozen[label[some]][:, None]] = 0
    to = gain.argmax(axis=1)
    best = gain[np.arange(len(some)), to]
    good = (best > 1e-6 * weight.max(axis=1)) & _closes(layout, around, some, same[np.arange(len(some)), to])
    return _apart(around, some[good], best[good], beside[np.arange(len(some)), to][good])


def _closes(
    layout: Layout, around: _Around, triangles: Int64[np.ndarray, " some"], met: Bool[np.ndarray, "some 3"]
) -> Bool[np.ndarray, " some"]:
    """Whether two edges along which a triangle meets a chart also meet there: else joining both would bend the chart."""
    flat = layout.corners.reshape(-1, 2)
    fits = met.sum(axis=1) == 2
    for k in range(3):
        before = (k + 2) % 3
        apart = np.abs(flat[around.corners[triangles, before, 1]] - flat[around.corners[triangles, k, 0]]).max(axis=1)
        fits &= ~(met[:, k] & met[:, before]) | (apart < 1e-6 * layout.lying[triangles].max(axis=(1, 2)))
    return fits


def _apart(
    around: _Around, triangles: Int64[np.ndarray, " some"], gain: Float64[np.ndarray, " some"], to: Int64[np.ndarray, " some"]
) -> tuple[Int64[np.ndarray, " movers"], Int64[np.ndarray, " movers"]]:
    """Those that gain more than any neighbour that would move too; of equals the first."""
    rank = np.full(len(around.edge) + 1, -1)
    order = np.lexsort((-triangles, gain))
    rank[triangles[order]] = np.arange(len(triangles))
    first = rank[around.triangle[triangles]].max(axis=1) < rank[triangles]
    return triangles[first], to[first]


def _spoiled(layout: Layout, label: Int64[np.ndarray, " t"], variation: Float64[np.ndarray, " c"]) -> Bool[np.ndarray, " c"]:
    """Which of the charts, as they were numbered before, flip, overlap, or vary more than they did."""
    after = layout.everything()
    bad = flipped(after) | overlapping(after)
    number = np.zeros(after.count, np.int64)
    number[after.group] = label
    spoiled = np.zeros(len(variation), bool)
    worse = density_variation(after) > variation[number] + _WORSE
    spoiled[number[bad | worse]] = True
    return spoiled
