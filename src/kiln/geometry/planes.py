"""Convex bodies as half-spaces: a point is inside when it lies behind every plane."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.geometry.vectors import face_vectors

_SLIVER = 1e-9
"""Triangles with less than this share of the squared diagonal as area are left out: float32 corners leave their normals no meaning."""


def hull_planes(hull: Mesh) -> Float64[np.ndarray, "planes 4"]:
    """The planes of a convex mesh's triangles, (unit normal, offset): normal @ p + offset is a point's height above the plane, metres."""
    vectors = face_vectors(hull)
    length = np.linalg.norm(vectors, axis=1)
    proper = length > _SLIVER * hull.diagonal**2
    normals = vectors[proper] / length[proper, None]
    start = hull.positions[hull.triangles[proper, 0]].astype(np.float64)
    return np.column_stack([normals, -np.einsum("ij,ij->i", normals, start)])


def heights_above(planes: Float64[np.ndarray, "planes 4"], points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """How far each point stands out of the body, metres: its height above the plane that it is highest above; negative inside."""
    return (points @ planes[:, :3].T + planes[:, 3]).max(axis=1)
