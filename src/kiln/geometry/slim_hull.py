"""Convex bodies with few triangles that stand in for one with many, of the same volume.

Two ways, since each wins half of the time: corners are taken from the body, the least missed first (round things), or a few of its planes
are kept and intersected (boxes, which corners alone would bevel). Either body is scaled to the whole one's volume, so that what it lacks
and what it adds are about alike. With 16 triangles a limb or a head differs by a fifth of its volume, a crate's side by a tenth; twelve
corners on a sphere (20 triangles) by a seventh at best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from kiln.geometry.convex import Corners, hull_corners, hull_volume, thickened

_SLACK = 1e-3
"""A corner that stands out less than this share of the hull's diagonal is left out: physics would not feel it, and hulls of nearly flat
facets have slivers."""

_MOST_CORNERS = 14
"""Corners of which one at a time is taken; the best of more are chosen one by one, which is quick but a little worse."""

_MOST_PLANES = 8
"""Planes of which one at a time is taken."""

_LEAST_TURN = 0.03
"""1 - cos of the angle from which on two facets are two planes: 14 degrees."""

_SIZES = 5
"""Sizes of a body that are compared, from its own to the whole one's volume."""

_FLAT = 1e-3
"""A body with less than this share of the whole one's volume is flat, and no stand-in."""

_MARGIN = 0.15
"""Of the extent, around a body, that the lattice covers too."""

_CELLS = 13
"""Points on a side of the lattice by which two bodies are compared: 2,197 tell volumes to 2 %, in 0.3 ms."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What costs 1: so much volume that differs, or so much distance, whose cost grows with its square."""

    volume: float
    """Cubic metres."""

    distance: float
    """Metres."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Slim:
    """A body with few triangles."""

    corners: Corners
    cost: float
    """What it differs from the whole body by, in tolerances."""

    @property
    def triangles(self) -> int:
        """Of a hull with this many corners (Euler)."""
        return 2 * len(self.corners) - 4


def slim_hulls(points: Corners, *, vertices: int, tolerance: Tolerance) -> list[Slim]:
    """Bodies of four to at most `vertices` corners, each costing less than all of fewer; by rising number of triangles. 40 ms."""
    whole = _Whole(hull_corners(thickened(points)), tolerance)
    bodies = (*_by_corners(whole.corners, vertices), *_by_planes(whole.corners, vertices))
    made = [whole.best_scaled(body) for body in bodies if hull_volume(body) > _FLAT * whole.volume]
    best: list[Slim] = []
    for slim in sorted(made, key=lambda slim: (slim.triangles, slim.cost)):
        if not best or slim.cost < best[-1].cost:
            best.append(slim)
    return best


class _Whole:
    """A body, its planes, and points in and around it, to compare slimmer ones with it."""

    def __init__(self, corners: Corners, tolerance: Tolerance) -> None:
        hull = ConvexHull(corners)
        self.corners = corners
        self.volume, self._normals, self._offsets = float(hull.volume), hull.equations[:, :3], hull.equations[:, 3]
        low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
        cells = np.stack(np.meshgrid(*[np.arange(_CELLS)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        self._points = low + ((cells + 0.5) / _CELLS * (1 + 2 * _MARGIN) - _MARGIN) * extent
        self._within = (self._points @ self._normals.T + self._offsets).max(axis=1) < 0
        self._cell = float(self.volume / self._within.sum())
        self._tolerance = tolerance

    def best_scaled(self, body: Corners) -> Slim:
        """The body scaled about its middle to where it costs least, between its own size and this one's volume.

        By the body's gauge, how many times larger it must be to reach a point, all sizes are compared at the price of one.
        """
        hull, middle = ConvexHull(body), body.mean(axis=0)
        arms = body - middle
        inverse = hull.equations[:, :3] / -(hull.equations[:, :3] @ middle + hull.equations[:, 3])[:, None]
        reach = ((self._points - middle) @ inverse.T).max(axis=1)
        rim = ((self.corners - middle) @ inverse.T).max(axis=1)
        rim_length = np.linalg.norm(self.corners - middle, axis=1)
        start, slope = self._normals @ middle + self._offsets, self._normals @ arms.T

        def cost(scale: float) -> float:
            differs = float(((reach < scale) ^ self._within).sum()) * self._cell / self._tolerance.volume
            out = max(float((start[:, None] + scale * slope).max()), 0.0)
            lacks = float((rim_length * np.maximum(1 - scale / rim, 0)).max())
            return differs + (out**2 + lacks**2) / self._tolerance.distance**2

        scales = np.linspace(1.0, (self.volume / hull.volume) ** (1 / 3), _SIZES)
        scale = min(scales.tolist(), key=cost)
        return Slim(corners=middle + arms * scale, cost=cost(scale))


def _by_corners(corners: Corners, vertices: int) -> Iterator[Corners]:
    """The body's outstanding corners, then without the one whose loss costs least volume, and so on to four.

    What the loss of a corner costs changes only when one of its neighbours goes, so few hulls are built: 14 corners take 8 ms.
    """
    if vertices > _MOST_CORNERS:
        yield corners[outstanding(corners, vertices)]
    left = corners[outstanding(corners, min(vertices, _MOST_CORNERS))]
    cost = np.full(len(left), np.nan)
    while len(left) >= 4:
        yield left
        hull = ConvexHull(left)
        for corner in np.flatnonzero(np.isnan(cost)):
            cost[corner] = hull.volume - hull_volume(np.delete(left, corner, axis=0))
        goes = int(np.argmin(cost))
        cost[np.unique(hull.simplices[(hull.simplices == goes).any(axis=1)])] = np.nan
        left, cost = np.delete(left, goes, axis=0), np.delete(cost, goes)


def outstanding(corners: Corners, most: int) -> Int64[np.ndarray, " chosen"]:
    """Which corners of a hull to keep: extremes first, then whichever stands out farthest of the hull so far, until none does."""
    slack = _SLACK * float(np.linalg.norm(np.ptp(corners, axis=0)))
    chosen = _spread_out(corners)
    while len(chosen) < min(most, len(corners)):
        equations = ConvexHull(corners[chosen]).equations
        outside = (corners @ equations[:, :3].T + equations[:, 3]).max(axis=1)
        farthest = int(np.argmax(outside))
        if outside[farthest] <= slack:
            break
        chosen.append(farthest)
    return np.array(chosen, np.int64)


def _spread_out(corners: Corners) -> list[int]:
    """Four corners that span a volume: two far apart, then the farthest from their line, then the farthest from their plane."""
    first = int(np.argmin(corners[:, 0]))
    second = int(np.argmax(np.linalg.norm(corners - corners[first], axis=1)))
    along = corners[second] - corners[first]
    third = int(np.argmax(np.linalg.norm(np.cross(corners - corners[first], along), axis=1)))
    normal = np.cross(along, corners[third] - corners[first])
    fourth = int(np.argmax(np.abs((corners - corners[first]) @ normal)))
    return [first, second, third, fourth]


def _by_planes(corners: Corners, vertices: int) -> Iterator[Corners]:
    """What the body's main planes enclose, then without the plane whose loss adds least volume, and so on to four."""
    normals = _main_normals(corners)
    while len(normals) >= 4:
        body = _between_planes(corners, normals)
        if 4 <= len(body) <= vertices:
            yield body
        fuller = [hull_volume(_between_planes(corners, np.delete(normals, k, axis=0))) for k in range(len(normals))]
        normals = np.delete(normals, int(np.argmin(fuller)), axis=0)


def _main_normals(corners: Corners) -> Float64[np.ndarray, "planes 3"]:
    """Directions that much of the body's surface looks to, the most first; later ones count what earlier ones do not stand for."""
    hull = ConvexHull(corners)
    normals = hull.equations[:, :3]
    a, b, c = (hull.points[hull.simplices[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    alike = np.clip((normals @ normals.T - 0.8) * 5, 0, 1)
    chosen = [int(np.argmax(alike @ area))]
    while len(chosen) < _MOST_PLANES:
        turned = 1 - (normals @ normals[chosen].T).max(axis=1)
        seen = np.where(turned > _LEAST_TURN, alike @ (area * np.clip(turned, 0, 1)), 0.0)
        if not seen.any():
            break
        chosen.append(int(np.argmax(seen)))
    return normals[chosen]


def _between_planes(corners: Corners, normals: Float64[np.ndarray, "planes 3"]) -> Corners:
    """The corners of the smallest body around these corners with faces of these normals only; a far box keeps it finite."""
    far = 2 * float(np.ptp(corners, axis=0).max())
    middle = corners.mean(axis=0)
    offsets = (corners @ normals.T).max(axis=0)
    box = np.concatenate([np.eye(3), -np.eye(3)])
    planes = np.column_stack([np.concatenate([normals, box]), -np.concatenate([offsets, box @ middle + far])])
    try:
        found = HalfspaceIntersection(planes, middle).intersections
    except QhullError:
        return corners[:0]
    # Where more than three planes meet, each three of them give the corner once.
    return hull_corners(found[np.unique((found / far).round(6), axis=0, return_index=True)[1]])
