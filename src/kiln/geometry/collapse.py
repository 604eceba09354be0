"""A surface prepared for edge collapse, and collapsed step by step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from kiln.geometry.topology import DEGENERATE_AREA, find_edges
from kiln.kernels.collapse import BORDER, HEAD, QUADRIC, SPARE, TAIL, Surface, collapse_edges, collapse_needles, link_corners
from kiln.kernels.quadric import add_quadrics

_BORDER_HOLD = 10.0
"""How much more a unit of open edge weighs than surface."""

_SEAM_HOLD = 0.1
"""How much more a unit of seam weighs than surface, from each side. A seam that bends shifts textures as far as it bends, so it should
weigh about as much as surface: with 10 a quarter of the triangles deviated by 0.69 % of the size instead of 0.46 %, and textures lay
0.44 % off (99th percentile) instead of 0.30 %; with 0 seams wandered into other charts' texels."""

_IMPORTANCE_POWER = 3
"""Collapses stop everywhere at the same cost, area times squared distance. With d triangles a unit of area that is d^-1 d^-2, so n times
as many triangles come of n^3 times the weight."""

_MOST_IMPORTANT = 16.0
"""Importance counts up to this and down to one over it: at 0 nothing would say where a point goes."""

LIMITS = np.array([(0.25, 0.08), (0.1, 0.02), (0.0, 0.0)])
"""Least cosine by which a collapse may turn a triangle, and least shape it may leave it (1 equilateral, 0 needle), level by level."""

_LAST_RESORT = np.array([(-2.0, 0.0)])
"""Only the link condition holds."""

_NEEDLE_AREA = 4 * DEGENERATE_AREA
"""Relative to the squared diagonal; above what counts as degenerate, since rounding to float32 changes areas."""


class Collapsing:
    """A manifold surface that loses edges, cheapest first, keeping its quadrics from one call of `to` to the next."""

    def __init__(
        self,
        positions: Float64[np.ndarray, "points 3"],
        triangles: Int32[np.ndarray, "triangles 3"],
        *,
        wedges: Int32[np.ndarray, "triangles 3"] | None = None,
        uvs: Float64[np.ndarray, "vertices 2"] | None = None,
        anchors: Float64[np.ndarray, "points 3 3"] | None = None,
        importance: Float32[np.ndarray, " points"] | None = None,
    ) -> None:
        """Points move freely; with wedges (each corner's vertex) they don't, and seams between wedges and their UVs are kept.

        A move x of a point costs x'Ax more, A being its anchor. Importance n leaves n times as many triangles on the same surface.
        """
        self._subset = wedges is not None
        self._middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
        self._size = max(float(np.linalg.norm(np.ptp(positions, axis=0))), 1e-300)
        edges = find_edges(triangles, point_count=len(positions))
        single = (edges.twins < 0).reshape(-1, 3)
        hold = _BORDER_HOLD * single
        if wedges is not None:
            hold += _SEAM_HOLD * _is_seam(edges.twins, edges.stops, wedges)
        unit = (positions - self._middle) / self._size
        quadrics = np.zeros((len(unit), 10))
        add_quadrics(unit, triangles, hold, quadrics)
        if anchors is not None:
            quadrics += _anchored(unit, anchors)
        if importance is not None:
            bounded = np.clip(np.nan_to_num(importance.astype(np.float64), nan=1.0), 1 / _MOST_IMPORTANT, _MOST_IMPORTANT)
            quadrics *= bounded[:, None] ** _IMPORTANCE_POWER
        self._surface = _surface(unit, quadrics, triangles, single, wedges, uvs)
        link_corners(self._surface)
        room = 4 * triangles.size + 4 * SPARE
        self._room = (np.empty(room), np.empty((room, 4), np.int32))
        self._live = len(triangles)

    def to(self, target: int, *, at_any_price: bool = False) -> int:
        """Collapse until at most `target` triangles are left, or none can be spared without turning one over; returns how many are left.

        At any price, triangles may be turned over then, so that only the link condition stands above the target.
        """
        for limits in (LIMITS, _LAST_RESORT) if at_any_price else (LIMITS,):
            self._live = collapse_edges(self._surface, *self._room, self._live, target, self._subset, limits)
        return self._live

    def drop_needles(self) -> int:
        """Collapse triangles that have (next to) no area, where that turns no other one over; returns how many triangles are left."""
        self._live = collapse_needles(self._surface, self._live, _NEEDLE_AREA, self._subset, True)
        return self._live

    @property
    def triangles(self) -> Int32[np.ndarray, "left 3"]:
        """What is left, over the points given."""
        return self._surface.corners[self.alive]

    @property
    def wedges(self) -> Int32[np.ndarray, "left 3"]:
        """What is left, over the vertices given."""
        return self._surface.wedges[self.alive]

    @property
    def alive(self) -> Bool[np.ndarray, " triangles"]:
        """Which of the triangles given are left."""
        return self._surface.corners[:, 0] >= 0

    @property
    def positions(self) -> Float64[np.ndarray, "points 3"]:
        """Where the points are now."""
        return self._surface.places[:, :QUADRIC] * self._size + self._middle


def _anchored(positions: Float64[np.ndarray, "points 3"], anchors: Float64[np.ndarray, "points 3 3"]) -> Float64[np.ndarray, "points 10"]:
    """The quadrics of moving each point away from where it is."""
    pulls = np.einsum("nij,nj->ni", anchors, positions)
    squares = np.einsum("ni,ni->n", pulls, positions)
    return np.concatenate([anchors[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]], -pulls, squares[:, None]], axis=1)


def _is_seam(
    twins: Int32[np.ndarray, " half_edges"], stops: Int32[np.ndarray, " half_edges"], wedges: Int32[np.ndarray, "triangles 3"]
) -> Bool[np.ndarray, "triangles 3"]:
    """Which half-edges have other vertices on their other side."""
    ours = np.stack([wedges.reshape(-1), np.roll(wedges, -1, axis=1).reshape(-1)], axis=1)
    theirs = ours[np.maximum(twins, 0)]
    swapped = stops[np.maximum(twins, 0)] == np.roll(stops.reshape(-1, 3), 1, axis=1).reshape(-1)
    same = np.where(swapped[:, None], theirs[:, ::-1], theirs) == ours
    return (~same.all(axis=1) & (twins >= 0)).reshape(-1, 3)


def _surface(
    positions: Float64[np.ndarray, "points 3"],
    quadrics: Float64[np.ndarray, "points 10"],
    triangles: Int32[np.ndarray, "triangles 3"],
    single: Bool[np.ndarray, "triangles 3"],
    wedges: Int32[np.ndarray, "triangles 3"] | None,
    uvs: Float64[np.ndarray, "vertices 2"] | None,
) -> Surface:
    """The kernel's arrays, all of them new."""
    points = np.zeros((len(positions), 5), np.int32)
    points[:, [HEAD, TAIL]] = -1
    points[triangles[single], BORDER] = 1
    points[np.roll(triangles, -1, axis=1)[single], BORDER] = 1
    return Surface(
        places=np.concatenate([positions, quadrics], axis=1),
        points=points,
        corners=triangles.copy(),
        wedges=(triangles if wedges is None else wedges).copy(),
        uvs=np.zeros((0, 2)) if uvs is None else uvs.copy(),
        following=np.empty(triangles.size, np.int32),
        matches=np.empty((2, 2), np.int32),
    )
