"""Convex hulls for collisions: one around everything, or a few that follow the shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.spatial import ConvexHull

from kiln.asset import Mesh
from kiln.errors import BackendError
from kiln.geometry.areas import volume
from kiln.geometry.simplify import simplify
from kiln.geometry.topology import measure_topology
from kiln.geometry.vectors import face_vectors, unit_vectors
from kiln.isolate import run_isolated

_SLACK = 1e-3
"""A corner that stands out less than this share of the hull's diagonal is left out: physics would not feel it, and hulls of nearly flat
facets have slivers."""

_SMALLEST = 1e-3
"""A hull around one point gets this diagonal, metres."""

_THINNEST = 5e-3
"""Least thickness of a hull, as a share of its diagonal: flat parts are thickened to it, since engines refuse flat hulls. Well above
_SLACK, or the corners of one side would be left out."""

_NEARLY_CONVEX = 0.95
"""Share of its hull's volume from which on a mesh is one hull's job."""

_DETAIL = 500
"""Triangles the decomposition sees: a cow of 5,856 took 4.8 s, of 800 2.3 s, of 500 1.2 s, for eight hulls of the same volume."""


@dataclass(frozen=True, kw_only=True)
class Hulls:
    """Convex parts, and how they came about."""

    hulls: tuple[Mesh, ...]
    fallback: str = ""
    """Why there is only one hull although the shape asks for more; empty when there was no reason to complain."""


def decompose(mesh: Mesh, *, most: int, vertices: int, concavity: float, time_limit_s: float) -> Hulls:
    """At most `most` hulls that cover the mesh; one alone when it is nearly convex, or when the decomposition fails or takes too long."""
    whole = convex_hull(mesh.positions, vertices=vertices)
    closed = measure_topology(mesh).is_closed
    if most == 1 or (closed and volume(mesh) > _NEARLY_CONVEX * volume(whole)):
        return Hulls(hulls=(whole,))
    rough = simplify(mesh, triangles=_DETAIL)
    try:
        parts = run_isolated(
            "kiln.geometry.coacd_child:decompose",
            rough.positions.astype(np.float64),
            rough.triangles.astype(np.int32),
            concavity=concavity,
            most=most,
            timeout_s=time_limit_s,
        )
    except BackendError as error:
        return Hulls(hulls=(whole,), fallback=str(error))
    made = tuple(convex_hull(points, vertices=vertices) for points in parts)
    return Hulls(hulls=made) if made else Hulls(hulls=(whole,), fallback="the decomposition found no parts")


def convex_hull(points: Float[np.ndarray, "n 3"], *, vertices: int) -> Mesh:
    """A closed, outward convex mesh of at most this many vertices around (nearly) all points, with the full hull's volume.

    The corners that stand out most are chosen one by one; what their hull lacks in volume is made up by growing it about its middle.
    """
    exact = _thickened(points.astype(np.float64))
    full = ConvexHull(exact)
    corners = exact[full.vertices]
    chosen = corners[_outstanding(corners, vertices)]
    hull = ConvexHull(chosen)
    middle = chosen.mean(axis=0)
    grown = middle + (chosen - middle) * (full.volume / hull.volume) ** (1 / 3)
    return Mesh(positions=grown.astype(np.float32), triangles=_outward(hull).astype(np.uint32))


def _thickened(points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "m 3"]:
    """The points, or when they lie (nearly) in a plane, on a line or at a point, two, four or eight copies a little apart."""
    size = max(float(np.linalg.norm(np.ptp(points, axis=0))), _SMALLEST)
    offsets = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(offsets.T @ offsets)
    for axis in axes.T:
        thickness = float(np.ptp(points @ axis))
        if thickness < _THINNEST * size:
            step = axis * (_THINNEST * size - thickness) / 2
            points = np.concatenate([points - step, points + step])
    return points


def _outstanding(corners: Float64[np.ndarray, "n 3"], most: int) -> Int64[np.ndarray, " chosen"]:
    """Which corners of a hull to keep: extremes first, then whichever stands out farthest of the hull so far, until none does."""
    slack = _SLACK * float(np.linalg.norm(np.ptp(corners, axis=0)))
    chosen = _spread_out(corners)
    while len(chosen) < min(most, len(corners)):
        equations = ConvexHull(corners[chosen]).equations
        outside = (corners @ equations[:, :3].T + equations[:, 3]).max(axis=1)
        farthest = int(np.argmax(outside))
        if outside[farthest] <= slack:
            break
        chosen.append(farthest)
    return np.array(chosen, np.int64)


def _spread_out(corners: Float64[np.ndarray, "n 3"]) -> list[int]:
    """Four corners that span a volume: two far apart, then the farthest from their line, then the farthest from their plane."""
    first = int(np.argmin(corners[:, 0]))
    second = int(np.argmax(np.linalg.norm(corners - corners[first], axis=1)))
    along = corners[second] - corners[first]
    third = int(np.argmax(np.linalg.norm(np.cross(corners - corners[first], along), axis=1)))
    normal = np.cross(along, corners[third] - corners[first])
    fourth = int(np.argmax(np.abs((corners - corners[first]) @ normal)))
    return [first, second, third, fourth]


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
