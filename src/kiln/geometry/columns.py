"""How much of a grid of upright lines lies within solids: what their volumes are when they overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.vectors import face_vectors

_SHIFT = np.array([0.4931, 0.5127])
"""Where in its cell a line stands. Not the middle, and not the same in both directions: edges of meshes made by people, and the diagonals
of their squares, would lie on lines exactly, and an edge that is hit counts twice or not at all."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Columns:
    """A grid of count x count lines parallel to Y over a box; each stands for a cell of `area` square metres."""

    low: Float64[np.ndarray, " 2"]
    """Lowest corner of the grid in x and z, metres."""

    step: Float64[np.ndarray, " 2"]
    """Size of a cell along x and z, metres."""

    count: int

    @classmethod
    def over(cls, low: Float64[np.ndarray, " 3"], high: Float64[np.ndarray, " 3"], *, count: int) -> Columns:
        """The grid over a box."""
        across = np.array([0, 2])
        return cls(low=low[across], step=np.maximum(high - low, 1e-30)[across] / count, count=count)

    @property
    def area(self) -> float:
        """Of a cell, square metres."""
        return float(self.step.prod())

    def lines(self) -> Float64[np.ndarray, "lines 2"]:
        """x and z of each line, metres; line i * count + k is the k-th along z of the i-th along x."""
        i, k = np.divmod(np.arange(self.count**2), self.count)
        return self.low + (np.column_stack([i, k]) + _SHIFT) * self.step


def solid_volume(mesh: Mesh, columns: Columns) -> float:
    """Volume of the space that a closed mesh winds around, cubic metres: overlapping parts once, a cavity not.

    The divergence theorem's volume, which counts overlaps twice, less what the lines say they are: exact for parts that do not overlap.
    """
    line, height, turn = _crossings(mesh, columns)
    order = np.lexsort((height, line))
    height, turn = height[order], turn[order]
    around = np.cumsum(turn)
    length = np.diff(height, append=0.0)
    once = length[around != 0].sum()
    signed = float((length * around).sum())
    middle = mesh.positions.mean(axis=0, dtype=np.float64)
    exact = float(((mesh.positions[mesh.triangles[:, 0]] - middle) * face_vectors(mesh)).sum()) / 6
    return float(np.abs(exact + (once - signed) * columns.area))


def _crossings(mesh: Mesh, columns: Columns) -> tuple[Int64[np.ndarray, " hits"], Float64[np.ndarray, " hits"], Int64[np.ndarray, " hits"]]:
    """Where lines cross triangles: the line, the height (metres), and +1 where it enters from below, -1 where it leaves."""
    corners = mesh.positions.astype(np.float64)[mesh.triangles]
    triangle, line = _candidates(corners, columns)
    flat = corners[:, :, [0, 2]]
    at = columns.lines()[line]
    a, b, c = (flat[triangle, k] - at for k in range(3))
    weights = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
    inside = (weights > 0).all(axis=1) | (weights < 0).all(axis=1)
    triangle, line, weights = triangle[inside], line[inside], weights[inside]
    total = weights.sum(axis=1)
    height = np.einsum("nk,nk->n", weights, corners[triangle, :, 1]) / total
    return line, height, np.sign(total).astype(np.int64)


def _cross(a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, " n"]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _candidates(corners: Float64[np.ndarray, "triangles 3 3"], columns: Columns) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Each triangle with each line within its bounding box, seen from above."""
    place = (corners[:, :, [0, 2]] - columns.low) / columns.step - _SHIFT
    first = np.maximum(np.ceil(place.min(axis=1)), 0).astype(np.int64)
    last = np.minimum(np.floor(place.max(axis=1)), columns.count - 1).astype(np.int64)
    wide, deep = np.maximum(last - first + 1, 0).T
    triangle = np.repeat(np.arange(len(corners)), wide * deep)
    number = np.arange(len(triangle)) - np.repeat(np.cumsum(wide * deep) - wide * deep, wide * deep)
    i, k = np.divmod(number, deep[triangle])
    return triangle, (first[triangle, 0] + i) * columns.count + first[triangle, 1] + k


def spans(planes: Float64[np.ndarray, "planes 4"], columns: Columns) -> Float64[np.ndarray, "lines 2"]:
    """Where each line enters and leaves a convex body, metres; the same height twice where it misses it."""
    lines = columns.lines()
    low, high = np.full(len(lines), -np.inf), np.full(len(lines), np.inf)
    for x, y, z, offset in planes:
        height = lines @ np.array([x, z]) + offset
        if abs(y) < 1e-12:
            high[height > 0] = -np.inf
            continue
        cut = -height / y
        low, high = (low, np.minimum(high, cut)) if y > 0 else (np.maximum(low, cut), high)
    missed = ~(high > low)
    low[missed] = high[missed] = 0.0
    return np.stack([low, high], axis=1)


def overlap_volume(bodies: list[Float64[np.ndarray, "lines 2"]], columns: Columns) -> float:
    """What the bodies' volumes add up to beyond the volume of their union, cubic metres. A body is given by its spans."""
    enters, leaves = np.stack(bodies, axis=2).transpose(1, 2, 0)
    separate = float((leaves - enters).sum())
    empty = leaves <= enters
    enters, leaves = np.where(empty, np.inf, enters), np.where(empty, -np.inf, leaves)
    order = np.argsort(enters, axis=0)
    enters, leaves = np.take_along_axis(enters, order, axis=0), np.take_along_axis(leaves, order, axis=0)
    reached = np.maximum.accumulate(leaves, axis=0)
    before = np.concatenate([np.full((1, reached.shape[1]), -np.inf), reached[:-1]])
    fresh = np.maximum(leaves - np.maximum(enters, before), 0, where=np.isfinite(enters), out=np.zeros_like(enters))
    return (separate - float(fresh.sum())) * columns.area
