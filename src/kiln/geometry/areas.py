"""Areas of triangles, in space and in the plane, and the volume that they enclose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt32

from kiln.asset import Mesh
from kiln.geometry.vectors import face_vectors
from kiln.kernels.topology import measure_areas


def triangle_areas(mesh: Mesh) -> Float64[np.ndarray, " triangles"]:
    """Each triangle's area, square metres."""
    areas = np.empty(mesh.triangle_count)
    measure_areas(mesh.positions, mesh.triangles, areas)
    return areas


def flat_areas(points: Float64[np.ndarray, "points 2"], triangles: UInt32[np.ndarray, "triangles 3"]) -> Float64[np.ndarray, " triangles"]:
    """Signed area of each triangle in the plane: positive where it turns from +x to +y.

    With y up that is counter-clockwise. In pictures and UVs, whose second axis points down, a triangle that faces the viewer is negative.
    """
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return 0.5 * ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def uv_areas(mesh: Mesh) -> Float64[np.ndarray, " triangles"]:
    """Signed area of each triangle in the atlas, as a share of it; negative is right, because v points down. Zero without UVs."""
    if mesh.uvs is None:
        return np.zeros(mesh.triangle_count)
    return flat_areas(mesh.uvs.astype(np.float64), mesh.triangles)


def volume(mesh: Mesh) -> float:
    """Signed volume of a closed mesh, cubic metres: positive when it winds outward (divergence theorem)."""
    middle = mesh.positions.mean(axis=0, dtype=np.float64)  # heights from near by, so that little cancels
    heights = (mesh.positions[mesh.triangles[:, 0]] - middle) * face_vectors(mesh)
    return float(heights.sum()) / 6
