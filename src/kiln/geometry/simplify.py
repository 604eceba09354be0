"""Fewer triangles for the same shape: quadric edge collapse (Garland and Heckbert 1997)."""

from __future__ import annotations

import fast_simplification
import numpy as np
from jaxtyping import Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.lods import coarsen
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, is_duplicate, welded_points

COARSE_FACTOR = 3
"""fast-simplification brings a dense mesh down to this many times the budget (500k in 0.7 s, where collapsing one by one takes 5 s);
the rest, which decides how the result looks, is done one edge at a time."""


def simplify(mesh: Mesh, *, triangles: int) -> Mesh:
    """The mesh's shape in at most this many triangles: positions only, one vertex a point, manifold, nothing degenerate.

    Fewer triangles than the topology needs (four a closed component) cannot be reached: then it comes as near as it can.
    """
    points, faces = welded_points(mesh)
    faces = _proper(faces)
    if len(faces) > 2 * COARSE_FACTOR * triangles:
        points, faces = _coarse(points, faces, COARSE_FACTOR * triangles)
    faces, origin = split_non_manifold(find_edges(faces, point_count=len(points)), points)
    collapsing = Collapsing(points[origin].astype(np.float64), faces)
    collapsing.to(triangles)
    collapsing.drop_needles()
    return _compact(collapsing.positions.astype(np.float32), collapsing.triangles)


def simplify_keeping_uvs(mesh: Mesh, *, triangles: int) -> Mesh:
    """The mesh with at most this many triangles, made of its own vertices with all their attributes; seams stay whole.

    Seams may keep it above the budget.
    """
    return coarsen(mesh, targets=(triangles,))[0] if mesh.triangle_count > triangles else mesh


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
