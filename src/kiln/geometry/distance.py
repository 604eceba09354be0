"""How far points are from a surface, and points spread over one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import triangle_areas

_NEAREST = 4
"""How many samples nearest to a point say which triangles to measure exactly."""

_BATCH = 16
"""How many of the farthest points are measured against every triangle that may be nearer, at a time: one to seven batches did for LODs of
three meshes."""

_ROUNDS = 64
"""After this many batches the farthest distance stays a little too large, if it is."""

_LEAST_STEPS = 3
"""Into how many steps at least the edges of a triangle are cut for its samples: 3 give ten of them."""

_SPACINGS = 100
"""Samples of large triangles are at most the square root of the whole area over this apart: without it points far from any sample of a
coarse mesh's long triangles found the wrong ones, and a box of 12 seemed 6 % of its size away from itself."""

_MOST_SAMPLES = 100_000
"""About as many in all, unless ten a triangle are more: thousands of long needles would otherwise have thousands each."""

_R2 = np.array([0.7548776662466927, 0.5698402909980532])
"""Steps of the additive sequence that fills the unit square most evenly (Roberts 2018): powers of the plastic number's inverse."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nearest:
    """The point of a surface that is nearest to each of some points."""

    triangle: Int64[np.ndarray, " n"]
    """It lies on this one."""

    bary: Float64[np.ndarray, "n 3"]
    """Weights of that triangle's corners."""

    away: Float64[np.ndarray, " n"]
    """Metres."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


class SampledSurface:
    """A mesh's triangles, made ready for finding those nearest to points; 10k of them take 20 ms.

    They are found by ten or more samples a triangle in a k-d tree, which costs nothing to compile. `TriangleTree` is exact, and 20k points
    cost it 0.03 s instead of 0.08 s, but its kernels take 2 s to compile: for rebuilding, which needs its winding numbers, and not for what
    every run does.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._corners = mesh.positions.astype(np.float64)[mesh.triangles]
        samples, self._owners = _samples(self._corners, spacing=float(np.sqrt(triangle_areas(mesh).sum())) / _SPACINGS)
        self._tree = cKDTree(samples, balanced_tree=False, compact_nodes=False)

    def nearest(self, points: Float64[np.ndarray, "n 3"]) -> Nearest:
        """Where the surface is nearest to each point: exact among the triangles that own the nearest few samples.

        So the distance is never too small, and too large only where a triangle passes closer between its samples. 15k points take 50 ms.
        """
        _, found = self._tree.query(points, k=_NEAREST)
        triangle = self._owners[np.asarray(found)]
        bary, away = _feet(np.repeat(points, _NEAREST, axis=0), self._corners[triangle.reshape(-1)])
        away = away.reshape(-1, _NEAREST)
        best = (np.arange(len(points)), away.argmin(axis=1))
        return Nearest(triangle=triangle[best], bary=bary.reshape(-1, _NEAREST, 3)[best], away=away[best])

    def farthest(self, points: Float64[np.ndarray, "n 3"]) -> float:
        """The greatest of the points' distances, metres, exactly; 15k points take 20 ms.

        Each point's distance to the triangle of its nearest sample is at least its own, so only the points for which that is more than the
        greatest distance found so far are measured against every triangle that may be nearer.
        """
        _, found = self._tree.query(points)
        away = _feet(points, self._corners[self._owners[np.asarray(found)]])[1]
        order = np.argsort(-away, kind="stable")
        greatest = 0.0
        for worst in np.array_split(order[: _BATCH * _ROUNDS], _ROUNDS):
            left = worst[away[worst] > greatest]
            if len(left) == 0:
                return greatest
            greatest = max(greatest, float(self._exact(points[left], away[left]).max()))
        return max(greatest, float(away[order[_BATCH * _ROUNDS :]].max(initial=0.0)))

    def _exact(self, points: Float64[np.ndarray, "n 3"], bound: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Each point's distance, which is at most its bound, metres."""
        middles, reach = self._balls
        squares = sum((points[:, k, None] - middles[:, k]) ** 2 for k in range(3))
        point, triangle = np.nonzero(squares <= (bound[:, None] + reach) ** 2)
        exact = bound.copy()
        np.minimum.at(exact, point, _feet(points[point], self._corners[triangle])[1])
        return exact

    @cached_property
    def _balls(self) -> tuple[Float64[np.ndarray, "triangles 3"], Float64[np.ndarray, " triangles"]]:
        """A ball around each triangle: its middle and radius, metres."""
        middles = self._corners.mean(axis=1)
        return middles, np.sqrt(((self._corners - middles[:, None]) ** 2).sum(axis=2).max(axis=1))


def nearest_to(mesh: Mesh, points: Float64[np.ndarray, "n 3"]) -> Nearest:
    """Where the mesh's surface is nearest to each point; see `SampledSurface.nearest`."""
    return SampledSurface(mesh).nearest(points)


def distance_to(mesh: Mesh, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """Each point's distance to the mesh's surface, metres; see `SampledSurface.nearest`."""
    return nearest_to(mesh, points).away


def spread_points(mesh: Mesh, count: int) -> Float64[np.ndarray, "count 3"]:
    """Points on the mesh's surface, one in each of `count` equal shares of its area, always the same ones."""
    areas = np.cumsum(triangle_areas(mesh))
    shares = (np.arange(count) + 0.5) / count * areas[-1]
    corners = mesh.positions.astype(np.float64)[mesh.triangles[np.searchsorted(areas, shares)]]
    square = np.arange(1, count + 1)[:, None] * _R2 % 1
    b, c = np.where(square.sum(axis=1, keepdims=True) > 1, 1 - square, square).T
    return np.einsum("nk,nkx->nx", np.stack([1 - b - c, b, c], axis=1), corners)


def _samples(
    corners: Float64[np.ndarray, "triangles 3 3"], *, spacing: float
) -> tuple[Float64[np.ndarray, "samples 3"], Int64[np.ndarray, " samples"]]:
    """Points on the triangles by which they are found, not farther apart than the spacing (metres), and the triangle each lies on."""
    longest = np.sqrt(((corners - np.roll(corners, -1, axis=1)) ** 2).sum(axis=2).max(axis=1))
    most = max(_LEAST_STEPS, int((2 * _MOST_SAMPLES / len(corners)) ** 0.5))
    steps = np.ceil(np.clip(longest / max(spacing, 1e-300), _LEAST_STEPS, most)).astype(np.int64)
    made = [(lattice @ corners[owners], np.repeat(owners, len(lattice))) for owners, lattice in _lattices(steps)]
    return np.concatenate([points.reshape(-1, 3) for points, _ in made]), np.concatenate([owners for _, owners in made])


def _lattices(steps: Int64[np.ndarray, " triangles"]) -> Iterator[tuple[Int64[np.ndarray, " some"], Float64[np.ndarray, "samples 3"]]]:
    """For each number of steps the triangles that have it, and the barycentrics of their samples: all inside, so not shared."""
    for n in np.unique(steps).tolist():
        inner = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) + 1 / 3
        yield np.flatnonzero(steps == n), inner / (n + 1)


def _feet(
    points: Float64[np.ndarray, "n 3"], corners: Float64[np.ndarray, "n 3 3"]
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, " n"]]:
    """The point of its own triangle nearest to each point: weights of the corners, and how far it is, metres."""
    bary = _plane_feet(points, corners)
    away = np.where((bary >= 0).all(axis=1), _away(points, corners, bary), np.inf)
    for k in range(3):
        on_edge = _edge_feet(points, corners, k)
        to_edge = _away(points, corners, on_edge)
        nearer = to_edge < away
        bary[nearer], away[nearer] = on_edge[nearer], to_edge[nearer]
    return bary, away


def _away(
    points: Float64[np.ndarray, "n 3"], corners: Float64[np.ndarray, "n 3 3"], bary: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, " n"]:
    """From each point to that of its triangle with these weights."""
    away = points - np.einsum("nk,nkx->nx", bary, corners)
    return np.sqrt(np.einsum("nx,nx->n", away, away))


def _plane_feet(points: Float64[np.ndarray, "n 3"], corners: Float64[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, "n 3"]:
    """Weights of each point's foot on the plane of its triangle; the first corner where that has no area."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv, uw, vw = (np.einsum("nx,nx->n", a, b) for a, b in ((u, u), (u, v), (v, v), (u, w), (v, w)))
    inverse = 1 / np.maximum(uu * vv - uv * uv, 1e-300)
    second, third = (vv * uw - uv * vw) * inverse, (uu * vw - uv * uw) * inverse
    return np.stack([1 - second - third, second, third], axis=1)


def _edge_feet(points: Float64[np.ndarray, "n 3"], corners: Float64[np.ndarray, "n 3 3"], k: int) -> Float64[np.ndarray, "n 3"]:
    """Weights of the point of each triangle's edge from corner k to the next that is nearest."""
    following = (k + 1) % 3
    start, along = corners[:, k], corners[:, following] - corners[:, k]
    share = np.einsum("nx,nx->n", points - start, along) / np.maximum(np.einsum("nx,nx->n", along, along), 1e-300)
    bary = np.zeros((len(points), 3))
    bary[:, following] = np.clip(share, 0, 1)
    bary[:, k] = 1 - bary[:, following]
    return bary
