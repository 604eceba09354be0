"""Convex bodies by their corners: arrays of points (n, 3), metres, of which all or nearly all are corners of their hull."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.spatial import ConvexHull, QhullError

from kiln.asset import Mesh
from kiln.geometry.vectors import face_vectors, unit_vectors

Corners = Float64[np.ndarray, "_ 3"]

_SMALLEST = 1e-3
"""A hull around one point gets this diagonal, metres."""

_THINNEST = 5e-3
"""Least thickness of a body, as a share of its diagonal: flat parts are thickened to it, since engines refuse flat hulls."""


def hull_corners(points: Float64[np.ndarray, "n 3"]) -> Corners:
    """The points that are corners of their convex hull; all of them where they span no volume."""
    try:
        return points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        return points


def hull_volume(points: Float64[np.ndarray, "n 3"]) -> float:
    """Volume of the points' convex hull, cubic metres; 0 where they span none."""
    try:
        return float(ConvexHull(points).volume)
    except (QhullError, ValueError):
        return 0.0


def hull_equations(corners: Corners) -> Float64[np.ndarray, "planes 4"]:
    """The planes of the corners' hull, (unit normal, offset), each once: normal @ p + offset is a point's height above one, metres."""
    equations = ConvexHull(corners).equations
    return equations[np.unique(equations.round(9), axis=0, return_index=True)[1]]


def thickened(points: Float[np.ndarray, "n 3"]) -> Float64[np.ndarray, "m 3"]:
    """The points, or when they lie (nearly) in a plane, on a line or at a point, two, four or eight copies a little apart."""
    points = points.astype(np.float64)
    size = max(float(np.linalg.norm(np.ptp(points, axis=0))), _SMALLEST)
    offsets = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(offsets.T @ offsets)
    for axis in axes.T:
        thickness = float(np.ptp(points @ axis))
        if thickness < _THINNEST * size:
            step = axis * (_THINNEST * size - thickness) / 2
            points = np.concatenate([points - step, points + step])
    return points


def hull_mesh(corners: Corners) -> Mesh:
    """The closed, outward mesh of the corners' hull, without points that are no corners."""
    hull = ConvexHull(corners)
    used, triangles = np.unique(_outward(hull), return_inverse=True)
    return Mesh(positions=hull.points[used].astype(np.float32), triangles=triangles.reshape(-1, 3).astype(np.uint32))


def _outward(hull: ConvexHull) -> Int64[np.ndarray, "facets 3"]:
    """Qhull's triangles, each turned to wind counter-clockwise from outside."""
    triangles = hull.simplices.astype(np.int64)
    a, b, c = (hull.points[triangles[:, k]] for k in range(3))
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    triangles[turned] = triangles[turned][:, ::-1]
    return triangles


def is_convex(mesh: Mesh) -> bool:
    """Whether no vertex lies in front of any triangle's plane by more than float32's rounding."""
    normals = unit_vectors(face_vectors(mesh))
    points = mesh.positions.astype(np.float64)
    heights = normals @ points.T - np.einsum("ij,ij->i", normals, points[mesh.triangles[:, 0]])[:, None]
    return bool(heights.max() <= 1e-4 * mesh.diagonal)
