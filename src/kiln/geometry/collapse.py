"""A surface prepared for edge collapse, and collapsed step by step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int32

from kiln.geometry.topology import DEGENERATE_AREA, find_edges
from kiln.kernels.collapse import SPARE, Surface, collapse_edges, collapse_needles, link_corners
from kiln.kernels.quadric import add_quadrics

_HOLD = 10.0
"""How much more a unit of open edge or seam weighs than surface."""

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
    ) -> None:
        """Points move freely; with wedges (each corner's vertex) they don't, and seams between wedges and their UVs are kept."""
        self._subset = wedges is not None
        self._middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
        self._size = max(float(np.linalg.norm(np.ptp(positions, axis=0))), 1e-300)
        edges = find_edges(triangles, point_count=len(positions))
        single = (edges.twins < 0).reshape(-1, 3)
        held = single if wedges is None else single | _is_seam(edges.twins, edges.stops, wedges)
        self._surface = _surface((positions - self._middle) / self._size, triangles, single, wedges, uvs)
        add_quadrics(self._surface.positions, self._surface.corners, held, _HOLD, self._surface.quadrics)
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
        self._live = collapse_needles(self._surface, self._live, _NEEDLE_AREA, self._subset)
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
        return self._surface.positions * self._size + self._middle


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
    triangles: Int32[np.ndarray, "triangles 3"],
    single: Bool[np.ndarray, "triangles 3"],
    wedges: Int32[np.ndarray, "triangles 3"] | None,
    uvs: Float64[np.ndarray, "vertices 2"] | None,
) -> Surface:
    """The kernel's arrays, all of them new."""
    count = len(positions)
    border = np.zeros(count, bool)
    border[triangles[single]] = True
    border[np.roll(triangles, -1, axis=1)[single]] = True
    return Surface(
        positions=positions.copy(),
        quadrics=np.zeros((count, 10)),
        border=border,
        corners=triangles.copy(),
        wedges=(triangles if wedges is None else wedges).copy(),
        uvs=np.zeros((0, 2)) if uvs is None else uvs.copy(),
        head=np.full(count, -1, np.int32),
        tail=np.full(count, -1, np.int32),
        following=np.empty(triangles.size, np.int32),
        stamps=np.zeros(count, np.int32),
        marks=np.zeros(count, np.int64),
        matches=np.empty((2, 2), np.int32),
    )
