"""Convex bodies with few triangles that stand in for one with many.

Two ways, since each wins half of the time: corners are taken from the body, the least missed first (round things), or a few of its planes
are kept and intersected (boxes, which corners alone would bevel). Either body is scaled to where it differs least from the solid that it
stands for: what it lacks and what it adds both count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import ConvexHull

from kiln.geometry.convex import Corners, hull_corners, hull_volume, thickened
from kiln.geometry.inside import Heights
from kiln.geometry.planes import heights_above

_SLACK = 1e-3
"""A corner that stands out less than this share of the hull's diagonal is left out: physics would not feel it, and hulls of nearly flat
facets have slivers."""

_MOST_CORNERS = 14
"""Corners of which one at a time is taken; the best of more are chosen one by one, which is quick but a little worse."""

_MOST_PLANES = 8
"""Planes of which one at a time is taken."""

_LEAST_TURN = 0.03
"""1 - cos of the angle from which on two facets are two planes: 14 degrees."""

_LEAST_SCALE = 0.8
_SIZES = 4
"""Sizes of a body that are compared, from 0.8 to 1 of what gives it the whole one's volume."""

_FLAT = 1e-3
"""A body with less than this share of the whole one's volume is flat, and no stand-in."""

_MARGIN = 0.15
"""Of the extent, around a body, that the lattice covers too."""

_SAME = 1e-7
"""Of the extent: nearer than this to a plane a corner lies in it."""

_CELLS = 11
"""Points on a side of the lattice by which two bodies are compared: 2,197 tell volumes to 2 %, in 0.3 ms."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What costs 1: so much volume that differs, or so much distance, whose cost grows with its square."""

    volume: float
    """Cubic metres."""

    distance: float
    """Metres."""


_LATTICE: Final = np.stack(np.meshgrid(*[np.arange(_CELLS)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


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


def slim_hulls(points: Corners, *, vertices: int, tolerance: Tolerance, heights: Heights | None = None, cover: bool = False) -> list[Slim]:
    """Bodies of four to at most `vertices` corners, each costing less than all of fewer; by rising number of triangles.

    They stand for the part of a solid that lies within the points' hull. `heights` tells where that solid is; None: it fills the hull.
    With `cover` each encloses all points, so it adds more and lacks nothing.
    """
    whole = _Whole(hull_corners(thickened(points)), tolerance, heights)
    bodies = (*_by_corners(whole.corners, vertices), *_by_planes(whole.corners, vertices))
    made = [whole.best_scaled(body, cover=cover) for body in bodies if hull_volume(body) > _FLAT * whole.volume]
    best: list[Slim] = []
    for slim in sorted(made, key=lambda slim: (slim.triangles, slim.cost)):
        if not best or slim.cost < best[-1].cost:
            best.append(slim)
    return best


def grown_over(bodies: list[Corners], points: Float64[np.ndarray, "n 3"]) -> list[Corners]:
    """The bodies, each scaled about its middle so that together they hold all points: the one that grows least for a point takes it."""
    middles = [body.mean(axis=0) for body in bodies]
    gauges = np.array([((points - middle) @ _inverse(body, middle).T).max(axis=1) for body, middle in zip(bodies, middles, strict=True)])
    keeper, least = np.argmin(gauges, axis=0), gauges.min(axis=0)
    scales = [max(float(least[keeper == number].max(initial=1.0)), 1.0) for number in range(len(bodies))]
    return [middle + (body - middle) * scale for body, middle, scale in zip(bodies, middles, scales, strict=True)]


def _inverse(body: Corners, middle: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "planes 3"]:
    """The body's gauge: the greatest of these vectors' products with a point's offset from its middle is how many times larger it must be
    to reach that point."""
    equations = ConvexHull(body).equations
    return equations[:, :3] / -(equations[:, :3] @ middle + equations[:, 3])[:, None]


class _Whole:
    """A body, its planes, and points in and around it, to compare slimmer ones with what they stand for."""

    def __init__(self, corners: Corners, tolerance: Tolerance, heights: Heights | None) -> None:
        hull = ConvexHull(corners)
        self.corners, self.volume = corners, float(hull.volume)
        low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
        self._low, self._step = low - _MARGIN * extent, (1 + 2 * _MARGIN) / _CELLS * extent
        self._points = self._low + (_LATTICE + 0.5) * self._step
        self._cell = float(self._step.prod())
        over_hull = heights_above(hull.equations, self._points)
        self._above = over_hull if heights is None else heights(self._points)
        self._away = partial(heights_above, hull.equations) if heights is None else heights.away
        self._filled = self._above < 0
        self._own = self._filled & (over_hull < 0)
        self._tolerance = tolerance

    def best_scaled(self, body: Corners, *, cover: bool) -> Slim:
        """The body scaled about its middle to where it costs least, between what lies within and the whole one's volume, or around it.

        By the body's gauge, how many times larger it must be to reach a point, all sizes are compared at the price of one.
        """
        middle = body.mean(axis=0)
        arms = body - middle
        inverse = _inverse(body, middle)
        reach = ((self._points - middle) @ inverse.T).max(axis=1)
        rim = ((self.corners - middle) @ inverse.T).max(axis=1)
        rim_length = np.linalg.norm(self.corners - middle, axis=1)
        full = (self.volume / hull_volume(body)) ** (1 / 3)
        scales = np.array([rim.max()]) if cover else np.linspace(min(_LEAST_SCALE * full, 1.0), full, _SIZES)
        tips = self._tips((middle + scales[:, None, None] * arms).reshape(-1, 3)).reshape(len(scales), -1).max(axis=1)

        def cost(scale: float, tip: float) -> float:
            inside = reach < scale
            differs = float((inside & ~self._filled).sum() + (self._own & ~inside).sum()) * self._cell / self._tolerance.volume
            out = max(float(self._above[inside].max(initial=0.0)), tip)
            lacks = float((rim_length * np.maximum(1 - scale / rim, 0)).max())
            return differs + (out**2 + lacks**2) / self._tolerance.distance**2

        costs = [cost(scale, tip) for scale, tip in zip(scales.tolist(), tips.tolist(), strict=True)]
        best = int(np.argmin(costs))
        return Slim(corners=middle + arms * scales[best], cost=costs[best])

    def _tips(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
        """How far points stand out, metres; 0 inside, as the nearest of the lattice is: to ask for sides again took most of the time."""
        place = np.clip((points - self._low) / self._step, 0, _CELLS - 1).astype(np.int64)
        solid = self._filled[place @ np.array([_CELLS**2, _CELLS, 1])]
        return np.where(solid, 0.0, self._away(points))


def _by_corners(corners: Corners, vertices: int) -> Iterator[Corners]:
    """The body's outstanding corners, then without the one whose loss costs least volume, and so on to four."""
    chosen = corners[outstanding(corners, vertices)]
    if len(chosen) > _MOST_CORNERS:
        yield chosen
    left = chosen[:_MOST_CORNERS]
    costs = np.zeros(len(left))
    while len(left) >= 4:
        yield left
        goes = _cheapest(costs, partial(_loss, left))
        left, costs = np.delete(left, goes, axis=0), np.delete(costs, goes)


def _loss(corners: Corners, k: int) -> float:
    """What a body loses with one of its corners, cubic metres."""
    return hull_volume(corners) - hull_volume(np.delete(corners, k, axis=0))


def _cheapest(costs: Float64[np.ndarray, " n"], cost: Callable[[int], float]) -> int:
    """Which of n is cheapest to lose. Costs of before are written over where they matter: each loss only makes the others dearer, so most
    need no second look (lazy greedy, Minoux 1978)."""
    fresh = np.zeros(len(costs), bool)
    while not fresh[cheapest := int(np.argmin(costs))]:
        costs[cheapest], fresh[cheapest] = cost(cheapest), True
    return cheapest


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
    planes = _Planes(corners, _main_normals(corners))
    left, costs = np.arange(planes.count), np.zeros(planes.count)
    grain = 10 * _SAME * float(np.ptp(corners, axis=0).max())  # where more than three planes meet, each three of them give the corner once
    while len(left) >= 4:
        body = planes.between(left)
        body = hull_corners(body[np.unique((body / grain).round(), axis=0, return_index=True)[1]])
        if 4 <= len(body) <= vertices:
            yield body
        goes = _cheapest(costs, partial(planes.volume_without, left))
        left, costs = np.delete(left, goes), np.delete(costs, goes)


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


class _Planes:
    """Planes against a body, and a far box around it: where any three of them meet is a corner of the bodies between some of them."""

    def __init__(self, corners: Corners, normals: Float64[np.ndarray, "planes 3"]) -> None:
        self.count = len(normals)
        extent, middle = float(np.ptp(corners, axis=0).max()), corners.mean(axis=0)
        box = np.concatenate([np.eye(3), -np.eye(3)])
        offsets = np.concatenate([(corners @ normals.T).max(axis=0), box @ middle + 2 * extent])
        normals = np.concatenate([normals, box])
        triples = np.array(list(combinations(range(len(normals)), 3)))
        a, b, c = (normals[triples[:, k]] for k in range(3))
        volumes = np.einsum("ij,ij->i", np.cross(a, b), c)
        proper = np.abs(volumes) > _SAME
        u, v, w = (offsets[triples[:, k], None] for k in range(3))
        meets = u * np.cross(b, c) + v * np.cross(c, a) + w * np.cross(a, b)
        self._points = meets[proper] / volumes[proper, None]
        self._beyond = self._points @ normals.T > offsets + _SAME * extent
        self._through = (triples[proper, :, None] == np.arange(len(normals))).any(axis=1)

    def between(self, some: Int64[np.ndarray, " chosen"]) -> Corners:
        """The corners of the body behind these planes and within the box."""
        absent = np.ones(self._through.shape[1], bool)
        absent[some] = absent[self.count :] = False
        return self._points[~((self._through & absent) | (self._beyond & ~absent)).any(axis=1)]

    def volume_without(self, some: Int64[np.ndarray, " chosen"], k: int) -> float:
        """Of the body between these planes but the k-th, cubic metres."""
        return hull_volume(self.between(np.delete(some, k))) or np.inf
