"""The box, sphere or capsule that is closest to a convex body: physics engines prefer them to hulls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from kiln.asset import Primitive
from kiln.geometry.convex import Corners, hull_mesh, hull_volume, thickened
from kiln.geometry.distance import spread_points

Kind = Literal["box", "sphere", "capsule"]

_SAMPLES = 400
"""Points on a body's surface that primitives are fitted to and compared by, beside its corners."""

_MOST_FACETS = 24
"""Largest facets of a body that a box is laid against; the smallest box lies against one in nearly all cases."""

_STEPS, _STILL = 40, 1e-3
"""Most steps of a fit; steps below this share of the farthest height end it."""

_Heights = tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, "_ _"]]
"""Each point's height over a primitive (metres), and how that changes with each of the primitive's values."""

_TURNS: Final = np.array(
    [turn for p in permutations(range(3)) for s in product((1, -1), repeat=3) if np.linalg.det(turn := np.eye(3)[list(p)] * s) > 0]
)
"""The 24 ways to call a box's axes x, y and z."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A primitive, and how far it is from the body it was fitted to."""

    primitive: Primitive
    volume_error: float
    """What its volume differs from the body's, as a share of the body's."""

    distance: float
    """The farthest that the body's surface is from the primitive's, on either side, as a share of the body's diagonal."""


def best_fit(points: Corners, *, volume_error: float, distance: float) -> Primitive | None:
    """The box, sphere or capsule nearest to the points' hull, if it is not farther from it than these shares; else None."""
    body = _Body(points)
    fits = [body.fit(kind) for kind in _plausible(body.corners)]
    good = [found for found in fits if found.volume_error <= volume_error and found.distance <= distance]
    return min(good, key=lambda found: found.distance).primitive if good else None


def fit(points: Float[np.ndarray, "n 3"], kind: Kind) -> Fit:
    """The primitive of this kind nearest to the points' hull: the smallest box around it; a sphere or capsule by least squares."""
    return _Body(points).fit(kind)


class _Body:
    """The points' hull, made ready to fit primitives to it."""

    def __init__(self, points: Float[np.ndarray, "n 3"]) -> None:
        hull = hull_mesh(thickened(points))
        self.corners, self._diagonal = hull.positions.astype(np.float64), hull.diagonal
        self._surface = np.concatenate([self.corners, spread_points(hull, _SAMPLES)])
        self._volume = hull_volume(self.corners)

    def fit(self, kind: Kind) -> Fit:
        if kind == "box":
            fitted = _fit_box(self.corners)
        else:
            fitted = _fit_sphere(self._surface) if kind == "sphere" else _fit_capsule(self._surface)
        return Fit(
            primitive=fitted,
            volume_error=abs(primitive_volume(fitted) / self._volume - 1),
            distance=float(np.abs(heights_over(fitted, self._surface)).max()) / self._diagonal,
        )


def primitive_volume(primitive: Primitive) -> float:
    """Cubic metres."""
    x, y, z = primitive.size
    if primitive.kind == "box":
        return x * y * z
    return float(np.pi / 6 * x**3 + np.pi / 4 * x**2 * (y - x))


def primitive_hull(primitive: Primitive) -> Corners:
    """Points whose hull is the primitive: a box's corners, many points of what is round."""
    x, y, z = primitive.size
    unit = np.array(list(product((-0.5, 0.5), repeat=3))) * (x, y, z)
    if primitive.kind != "box":
        heights = 1 - (2 * np.arange(_SAMPLES) + 1) / _SAMPLES
        angles = np.pi * (1 + np.sqrt(5)) * np.arange(_SAMPLES)  # Fibonacci's lattice on the sphere
        ring = np.sqrt(1 - heights**2)
        unit = np.column_stack([ring * np.cos(angles), heights, ring * np.sin(angles)]) * x / 2
        unit[:, 1] += np.sign(heights) * (y - x) / 2
    return Rotation.from_quat(primitive.rotation).apply(unit) + np.array(primitive.center)


def heights_over(primitive: Primitive, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """Each point's distance to the primitive's surface, metres; negative inside."""
    own = Rotation.from_quat(primitive.rotation).inv().apply(points - np.array(primitive.center))
    x, y, z = primitive.size
    if primitive.kind == "box":
        beyond = np.abs(own) - np.array((x, y, z)) / 2
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    half = (y - x) / 2
    own[:, 1] -= np.clip(own[:, 1], -half, half)
    return np.linalg.norm(own, axis=1) - x / 2


def _plausible(points: Corners) -> Sequence[Kind]:
    """What is worth fitting: no sphere to what is twice as long as wide, no capsule to what is twice as wide as thick."""
    thin, middle, long = sorted(_principal(points)[1])
    kinds: list[Kind] = ["box"]
    if thin > 0.5 * long:
        kinds.append("sphere")
    return [*kinds, "capsule"] if thin > 0.5 * middle else kinds


def _principal(points: Corners) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, " 3"]]:
    """Principal axes as rows, and the extent along each, metres."""
    offsets = points - points.mean(axis=0)
    axes = np.linalg.eigh(offsets.T @ offsets)[1].T
    return axes, np.ptp(points @ axes.T, axis=0)


def _fit_box(corners: Corners) -> Primitive:
    """The smallest of the boxes that lie against a large facet, turned about it to lie against an edge too; or along principal axes."""
    hull = ConvexHull(corners)
    a, b, c = (hull.points[hull.simplices[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    normals = np.unique(hull.equations[np.argsort(-area, kind="stable")[:_MOST_FACETS], :3].round(9), axis=0)
    frames = [_principal(corners)[0], *(_laid_against(corners, normal) for normal in normals)]
    return _box_along(corners, min(frames, key=lambda axes: float(np.ptp(corners @ axes.T, axis=0).prod())))


def _laid_against(corners: Corners, normal: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "3 3"]:
    """The axes (rows; the normal first) of the smallest box with a side of this normal: it has an edge of the outline in a side."""
    normal = normal / np.linalg.norm(normal)
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    across /= np.linalg.norm(across)
    up = np.cross(normal, across)
    flat = np.column_stack([corners @ across, corners @ up])
    outline = flat[ConvexHull(flat).vertices]
    edges = np.roll(outline, -1, axis=0) - outline
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    along, away = outline @ edges.T, outline @ np.column_stack([-edges[:, 1], edges[:, 0]]).T
    best = edges[int(np.argmin(np.ptp(along, axis=0) * np.ptp(away, axis=0)))]
    first = best[0] * across + best[1] * up
    return np.stack([normal, first, np.cross(normal, first)])


def _box_along(corners: Corners, axes: Float64[np.ndarray, "3 3"]) -> Primitive:
    """The box around the corners with these axes (rows), called so that it is turned least."""
    if np.linalg.det(axes) < 0:
        axes = axes * np.array([[1], [1], [-1]])
    turned = _TURNS @ axes
    axes = turned[int(np.argmax(np.trace(turned, axis1=1, axis2=2)))]
    low, high = (corners @ axes.T).min(axis=0), (corners @ axes.T).max(axis=0)
    return _primitive("box", (low + high) / 2 @ axes, high - low, Rotation.from_matrix(axes.T))


def _fit_sphere(surface: Float64[np.ndarray, "n 3"]) -> Primitive:
    start = (surface.min(axis=0) + surface.max(axis=0)) / 2

    def heights(values: Float64[np.ndarray, " 4"]) -> _Heights:
        away = surface - values[:3]
        length = np.linalg.norm(away, axis=1)
        return length - values[3], np.column_stack([-away / np.maximum(length, 1e-30)[:, None], np.full(len(away), -1.0)])

    found = _least_squares(heights, np.array([*start, np.linalg.norm(surface - start, axis=1).mean()]))
    return _primitive("sphere", found[:3], np.full(3, 2 * abs(found[3])), Rotation.identity())


def _fit_capsule(surface: Float64[np.ndarray, "n 3"]) -> Primitive:
    """By the two ends of its inner line and its radius."""
    axes, extents = _principal(surface)
    long = int(np.argmax(extents))
    radius = float(np.delete(extents, long).mean()) / 2
    middle = (surface.min(axis=0) + surface.max(axis=0)) / 2
    arm = axes[long] * max(extents[long] / 2 - radius, 0.01 * radius)

    def heights(values: Float64[np.ndarray, " 7"]) -> _Heights:
        start, along = values[:3], values[3:6] - values[:3]
        share = np.clip((surface - start) @ along / max(float(along @ along), 1e-30), 0, 1)[:, None]
        away = surface - start - share * along
        length = np.linalg.norm(away, axis=1)
        toward = -away / np.maximum(length, 1e-30)[:, None]
        return length - values[6], np.column_stack([(1 - share) * toward, share * toward, np.full(len(away), -1.0)])

    found = _least_squares(heights, np.array([*(middle - arm), *(middle + arm), radius]))
    along = found[3:6] - found[:3]
    length, diameter = float(np.linalg.norm(along)), 2 * abs(float(found[6]))
    turn = Rotation.align_vectors([along * (1 if along[1] >= 0 else -1)], [(0.0, 1.0, 0.0)])[0] if length > 0 else Rotation.identity()
    return _primitive("capsule", (found[:3] + found[3:6]) / 2, np.array([diameter, length + diameter, diameter]), turn)


def _least_squares(heights: Callable[[Float64[np.ndarray, " k"]], _Heights], start: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """The values with the least sum of squared heights near the first ones (Levenberg 1944, Marquardt 1963)."""
    values, damping = start, 1e-3
    away, slopes = heights(values)
    for _ in range(_STEPS):
        square = slopes.T @ slopes
        step = np.linalg.lstsq(square + damping * np.diag(np.diag(square)), -slopes.T @ away, rcond=None)[0]
        next_away, next_slopes = heights(values + step)
        better = float(next_away @ next_away) < float(away @ away)
        damping *= 0.2 if better else 10
        if better:
            values, away, slopes = values + step, next_away, next_slopes
        if np.abs(step).max() < _STILL * np.abs(away).max():
            break
    return values


def _primitive(kind: Kind, center: Float64[np.ndarray, " 3"], size: Float64[np.ndarray, " 3"], turn: Rotation) -> Primitive:
    (cx, cy, cz), (sx, sy, sz), (x, y, z, w) = center.tolist(), size.tolist(), turn.as_quat(canonical=True).tolist()
    return Primitive(kind=kind, center=(cx, cy, cz), size=(sx, sy, sz), rotation=(x, y, z, w))
