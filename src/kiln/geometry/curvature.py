"""How strongly a dense surface bends, and which way, at each of its vertices."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.sparse import csr_array

from kiln.asset import Mesh
from kiln.geometry.normals import smooth_normals
from kiln.geometry.weld import weld_classes

_RADIUS = 0.004
"""Share of the diagonal over which curvature is averaged: what shows in a map is relief, not a generator's noise."""

_MOST_ROUNDS = 48
"""Rounds of averaging at most; a source of 5M triangles then averages over a smaller radius."""


def mean_curvature(mesh: Mesh) -> Float32[np.ndarray, " vertices"]:
    """Mean curvature at each vertex in 1 / metre, positive where the surface bulges out: 1 / r on a ball of radius r.

    From how the normal turns along each edge, (n_j - n_i) . (p_j - p_i) / |p_j - p_i|^2 (Euler's normal curvature), fitted to the edges at
    a vertex by least squares (a plain mean lets slivers' short edges shine out), then averaged over 0.4 % of the diagonal. It needs a dense
    mesh: on long triangles it fades from vertex to vertex.
    """
    groups, count = weld_classes(mesh.positions)
    points, normals = np.zeros((count, 3)), np.zeros((count, 3))
    points[groups], normals[groups] = mesh.positions, smooth_normals(mesh, groups=groups)
    start, stop = _edges(groups[mesh.triangles.astype(np.int64)])
    along = points[stop] - points[start]
    square = np.einsum("ek,ek->e", along, along)
    turn = np.einsum("ek,ek->e", normals[stop] - normals[start], along)
    turns = np.bincount(start, turn, minlength=count) + np.bincount(stop, turn, minlength=count)
    squares = np.bincount(start, square, minlength=count) + np.bincount(stop, square, minlength=count)
    curvature = np.divide(turns, squares, out=np.zeros(count), where=squares > 0)
    rounds = _rounds(np.sqrt(square), _RADIUS * mesh.diagonal)
    return _averaged(curvature, start, stop, rounds)[groups].astype(np.float32)


def _edges(triangles: Int64[np.ndarray, "triangles 3"]) -> tuple[Int64[np.ndarray, " edges"], Int64[np.ndarray, " edges"]]:
    """The two ends of each edge, edges of two triangles twice; those without length are left out."""
    start, stop = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    proper = start != stop
    return start[proper], stop[proper]


def _rounds(lengths: Float64[np.ndarray, " edges"], radius: float) -> int:
    """Rounds of averaging with one's neighbours that spread over the radius: a random walk's steps."""
    step = float(lengths.mean()) if len(lengths) else 0.0
    return min(_MOST_ROUNDS, int((radius / step) ** 2)) if step > 0 else 0


def _averaged(
    values: Float64[np.ndarray, " points"], start: Int64[np.ndarray, " edges"], stop: Int64[np.ndarray, " edges"], rounds: int
) -> Float64[np.ndarray, " points"]:
    """Each value meaned with its neighbours', again and again."""
    count = len(values)
    ones = np.ones(2 * len(start))
    link = csr_array((ones, (np.concatenate([start, stop]), np.concatenate([stop, start]))), shape=(count, count))
    weight: Float64[np.ndarray, " points"] = np.bincount(start, minlength=count) + np.bincount(stop, minlength=count) + 1.0
    for _ in range(rounds):
        values = (link @ values + values) / weight
    return values
