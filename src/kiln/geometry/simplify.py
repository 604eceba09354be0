"""Fewer triangles for the same shape: quadric edge collapse (Garland and Heckbert 1997)."""

from __future__ import annotations

import fast_simplification
import numpy as np
from jaxtyping import Float32, Int32
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.reduce import proper_triangles, reduced, without_fins
from kiln.geometry.topology import find_edges, welded_points

_COARSE_FACTOR = 5
"""fast-simplification brings a dense mesh down to this many times the budget (500k in 0.7 s, where collapsing one by one takes 2 s); the
rest, which decides how the result looks, is done one edge at a time."""

FINE = 40_000
"""But not below this many triangles, from which on its own 0.3 s are no longer worth the corners it rounds off."""

_MOST_SPARED = 150_000
"""Nor does it leave more than this many beyond the budget, which take 1 s to collapse."""


def simplify(mesh: Mesh, *, triangles: int) -> Mesh:
    """The mesh's shape in at most this many triangles: positions only, one vertex a point, manifold, nothing degenerate.

    Where `mesh.importance` is n, n times as many triangles are left as elsewhere. Fewer triangles than the topology needs (four a closed
    component) cannot be reached: then it comes as near as it can.
    """
    points, faces = welded_points(mesh)
    faces = proper_triangles(faces)
    coarse = max(FINE, min(_COARSE_FACTOR * triangles, triangles + _MOST_SPARED))
    if len(faces) > 2 * coarse or len(faces) > coarse + _MOST_SPARED:
        points, faces = _coarse(points, faces, coarse)
    return reduced(points, faces, triangles=triangles, importance=_importance_at(mesh, points))


def _coarse(
    points: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"], target: int
) -> tuple[Float32[np.ndarray, "fewer 3"], Int32[np.ndarray, "left 3"]]:
    """About `target` triangles, quickly; not always manifold. All of them where the quick way would tear the surface."""
    moved, left = fast_simplification.simplify(points, faces, target_count=target, agg=3)
    left = without_fins(left.astype(np.int32))
    whole, coarse = find_edges(faces, point_count=len(points)), find_edges(left, point_count=len(moved))
    return (points, faces) if coarse.open_count > whole.open_count else (moved.astype(np.float32), left)


def _importance_at(mesh: Mesh, points: Float32[np.ndarray, "points 3"]) -> Float32[np.ndarray, " points"] | None:
    """The importance of the vertex nearest to each point; None where all count the same."""
    if mesh.importance is None or (mesh.importance == mesh.importance[0]).all():
        return None
    nearest = cKDTree(mesh.positions, balanced_tree=False, compact_nodes=False).query(points)[1]
    return mesh.importance[nearest]
