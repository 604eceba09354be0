"""How far points are from a surface."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from kiln.asset import Mesh

_SAMPLES = np.array([(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)]) / 3
"""Barycentrics of the ten points of a triangle by which it is found: corners, thirds of its edges, middle."""

_NEAREST = 4
"""How many samples nearest to a point say which triangles to measure exactly."""


def distance_to(mesh: Mesh, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """Each point's distance to the mesh's surface, metres: exact to the triangles that own the nearest of ten samples a triangle.

    So it is never too small, and too large only where a triangle passes closer between its samples. 12k points to 4k triangles take 60 ms.
    """
    corners = mesh.positions.astype(np.float64)[mesh.triangles]
    samples = (_SAMPLES @ corners).reshape(-1, 3)
    _, nearest = cKDTree(samples, balanced_tree=False, compact_nodes=False).query(points, k=_NEAREST)
    nearest = np.asarray(nearest) // len(_SAMPLES)
    away = [_to_triangles(points, corners[nearest[:, k]]) for k in range(_NEAREST)]
    return np.min(away, axis=0)


def _to_triangles(points: Float64[np.ndarray, "n 3"], corners: Float64[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, " n"]:
    """Distance of each point to its own triangle: to its plane where the foot lies inside, else to its nearest edge."""
    to_edges = np.min([_to_segments(points, corners[:, k], corners[:, (k + 1) % 3]) for k in range(3)], axis=0)
    a, b, c = (corners[:, k] for k in range(3))
    normal = np.cross(b - a, c - a)
    inside = np.ones(len(points), bool)
    for start, stop in ((a, b), (b, c), (c, a)):
        inside &= np.einsum("ij,ij->i", np.cross(stop - start, points - start), normal) >= 0
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-300)
    to_plane = np.abs(np.einsum("ij,ij->i", points - a, normal)) / length
    return np.where(inside, np.minimum(to_plane, to_edges), to_edges)


def _to_segments(
    points: Float64[np.ndarray, "n 3"], starts: Float64[np.ndarray, "n 3"], stops: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, " n"]:
    """Distance of each point to its own segment."""
    along = stops - starts
    share = np.einsum("ij,ij->i", points - starts, along) / np.maximum(np.einsum("ij,ij->i", along, along), 1e-300)
    return np.linalg.norm(points - starts - np.clip(share, 0, 1)[:, None] * along, axis=1)
