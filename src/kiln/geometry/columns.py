"""How much of a grid of upright lines lies within solids: what their volumes are, and how much of each lies outside the other."""

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


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Volumes of two solids, cubic metres."""

    first: float
    second: float
    only_first: float
    """Of the first, outside the second."""

    only_second: float


@dataclass(frozen=True, eq=False, kw_only=True)
class _Hits:
    """Where lines cross triangles."""

    line: Int64[np.ndarray, " hits"]
    height: Float64[np.ndarray, " hits"]
    """Metres."""

    turn: Int64[np.ndarray, " hits"]
    """+1 where a line enters from below, -1 where it leaves."""


def solid_volume(mesh: Mesh, columns: Columns) -> float:
    """Volume of the space that a closed mesh winds around, cubic metres: overlapping parts once, a cavity not.

    The divergence theorem's volume, which counts overlaps twice, less what the lines say they are: exact for parts that do not overlap.
    """
    return _volume(mesh, _hits(mesh, columns), columns)


def volumes_apart(first: Mesh, second: Mesh, columns: Columns) -> Apart:
    """How much of each of two closed meshes lies outside the other.

    As the lines say it, but for what they miss: the difference between the two is that of `solid_volume`. So a body within another, whose
    sides fall between two lines, is measured exactly too.
    """
    found = [_hits(mesh, columns) for mesh in (first, second)]
    line, height = (np.concatenate([getattr(hits, name) for hits in found]) for name in ("line", "height"))
    turns = np.zeros((len(line), 2), np.int64)
    turns[: len(found[0].line), 0], turns[len(found[0].line) :, 1] = found[0].turn, found[1].turn
    order = np.lexsort((height, line))
    in_first, in_second = (np.cumsum(turns[order], axis=0) != 0).T
    length = np.diff(height[order], append=0.0)
    one, other = (float(length[only].sum()) * columns.area for only in (in_first & ~in_second, in_second & ~in_first))
    volumes = [_volume(mesh, hits, columns) for mesh, hits in zip((first, second), found, strict=True)]
    missed = volumes[0] - volumes[1] - (one - other)
    one, other = (max(one + missed, 0.0), other) if one > other else (one, max(other - missed, 0.0))
    return Apart(first=volumes[0], second=volumes[1], only_first=one, only_second=other)


def _volume(mesh: Mesh, hits: _Hits, columns: Columns) -> float:
    order = np.lexsort((hits.height, hits.line))
    around = np.cumsum(hits.turn[order])
    length = np.diff(hits.height[order], append=0.0)
    once = length[around != 0].sum()
    signed = float((length * around).sum())
    middle = mesh.positions.mean(axis=0, dtype=np.float64)
    exact = float(((mesh.positions[mesh.triangles[:, 0]] - middle) * face_vectors(mesh)).sum()) / 6
    return float(np.abs(exact + (once - signed) * columns.area))


def _hits(mesh: Mesh, columns: Columns) -> _Hits:
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
    turn = np.sign(total).astype(np.int64)
    closed = np.bincount(line, turn)[line] == 0  # a line that meets an edge exactly may have entered and never left
    return _Hits(line=line[closed], height=height[closed], turn=turn[closed])


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
