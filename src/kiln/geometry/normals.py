"""Vertex normals."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.weld import weld_classes
from kiln.kernels.normals import add_corner_normals


def face_vectors(mesh: Mesh) -> Float64[np.ndarray, "triangles 3"]:
    """Each triangle's normal, its length being twice the triangle's area (square metres)."""
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a)


def smooth_normals(mesh: Mesh, *, groups: Int64[np.ndarray, " vertices"] | None = None) -> Float32[np.ndarray, "vertices 3"]:
    """Unit vertex normals: face normals weighted by the angle at the corner (Thürmer and Wüthrich 1998).

    Vertices of one group share a normal; by default a group is all vertices at one position, so UV seams do not show. A vertex that
    touches no triangle with area gets +Y.
    """
    if groups is None:
        groups, _ = weld_classes(mesh.positions)
    sums = np.zeros((int(groups.max(initial=-1)) + 1, 3))
    add_corner_normals(mesh.positions, mesh.triangles, groups, sums)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = np.where(length > 0, sums / np.maximum(length, 1e-300), (0.0, 1.0, 0.0))
    return unit[groups].astype(np.float32)
