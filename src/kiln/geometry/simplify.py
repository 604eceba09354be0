"""Fewer triangles for the same shape: quadric edge collapse (Garland and Heckbert 1997)."""

from __future__ import annotations

import fast_simplification
import numpy as np
from jaxtyping import Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, is_duplicate, point_triangles

COARSE_FACTOR = 3
"""fast-simplification brings a dense mesh down to this many times the budget (500k in 0.7 s, where collapsing one by one takes 5 s);
the rest, which decides how the result looks, is done one edge at a time."""


def simplify(mesh: Mesh, *, triangles: int) -> Mesh:
    """The mesh with at most this many triangles and positions only, one vertex a point; unchanged when it has no more than that.

    The result is manifold with no more open edges than the mesh; fewer triangles than its topology needs (four a closed component)
    cannot be reached.
    """
    if mesh.triangle_count <= triangles:
        return mesh
    points, faces = _welded(mesh)
    if len(faces) > 2 * COARSE_FACTOR * triangles:
        points, faces = _coarse(points, faces, COARSE_FACTOR * triangles)
    faces, origin = split_non_manifold(find_edges(faces, point_count=len(points)), points)
    collapsing = Collapsing(points[origin].astype(np.float64), faces)
    collapsing.to(triangles)
    return _compact(collapsing.positions.astype(np.float32), collapsing.triangles)


def _welded(mesh: Mesh) -> tuple[Float32[np.ndarray, "points 3"], Int32[np.ndarray, "triangles 3"]]:
    """Points and triangles over them, without triangles that have a point twice or repeat another."""
    faces, count = point_triangles(mesh)
    points = np.empty((count, 3), np.float32)
    points[faces.reshape(-1)] = mesh.positions[mesh.triangles.reshape(-1)]
    return points, _proper(faces)


def _proper(faces: Int32[np.ndarray, "triangles 3"]) -> Int32[np.ndarray, "proper 3"]:
    """Without triangles that have a point twice or repeat another."""
    faces = faces[~has_repeated_corner(faces)]
    return faces[~is_duplicate(faces)]


def _coarse(
    points: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"], target: int
) -> tuple[Float32[np.ndarray, "fewer 3"], Int32[np.ndarray, "triangles 3"]]:
    """About `target` triangles, quickly; not always manifold."""
    moved, left = fast_simplification.simplify(points, faces, target_count=target, agg=3)
    return moved.astype(np.float32), _proper(left.astype(np.int32))


def _compact(positions: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"]) -> Mesh:
    """A mesh of the points that triangles use, in order."""
    used = np.zeros(len(positions), bool)
    used[faces.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    return Mesh(positions=positions[used], triangles=renumbered[faces])
