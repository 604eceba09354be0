"""Fewer triangles for the same shape: quadric edge collapse (Garland and Heckbert 1997)."""

from __future__ import annotations

from dataclasses import replace

import fast_simplification
import numpy as np
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.lods import coarsen
from kiln.geometry.manifold import crowded_points, moved_apart, part_doubled_edges, split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, is_duplicate, welded_points
from kiln.kernels.topology import sort_corners
from kiln.kernels.weld import equal_rows

_COARSE_FACTOR = 5
"""fast-simplification brings a dense mesh down to this many times the budget (500k in 0.7 s, where collapsing one by one takes 4 s); the
rest, which decides how the result looks, is done one edge at a time."""

FINE = 40_000
"""But not below this many triangles, from which on its own 0.3 s are no longer worth the corners it rounds off."""


def simplify(mesh: Mesh, *, triangles: int) -> Mesh:
    """The mesh's shape in at most this many triangles: positions only, one vertex a point, manifold, nothing degenerate.

    Fewer triangles than the topology needs (four a closed component) cannot be reached: then it comes as near as it can.
    """
    points, faces = welded_points(mesh)
    faces = _proper(faces)
    coarse = max(FINE, _COARSE_FACTOR * triangles)
    if len(faces) > 2 * coarse:
        points, faces = _coarse(points, faces, coarse)
    faces, origin = split_non_manifold(find_edges(faces, point_count=len(points)), points)
    points, faces = part_doubled_edges(points[origin], faces)
    collapsing = Collapsing(points.astype(np.float64), faces)
    collapsing.drop_needles()
    collapsing.to(triangles, at_any_price=True)
    collapsing.drop_needles()
    return _parted(_compact(collapsing.positions.astype(np.float32), collapsing.triangles))


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
) -> tuple[Float32[np.ndarray, "fewer 3"], Int32[np.ndarray, "left 3"]]:
    """About `target` triangles, quickly; not always manifold. All of them where the quick way would tear the surface."""
    moved, left = fast_simplification.simplify(points, faces, target_count=target, agg=3)
    left = left.astype(np.int32)
    left = _proper(left[~_in_fins(left)])
    whole, coarse = find_edges(faces, point_count=len(points)), find_edges(left, point_count=len(moved))
    return (points, faces) if coarse.open_count > whole.open_count else (moved.astype(np.float32), left)


def _in_fins(faces: Int32[np.ndarray, "triangles 3"]) -> Bool[np.ndarray, " triangles"]:
    """Which triangles lie back to back with others over the same points: together they bound nothing, one alone would have open edges."""
    rows = np.empty_like(faces)
    sort_corners(faces, rows)
    classes, count = equal_rows(rows)
    turns = np.where((faces < np.roll(faces, -1, axis=1)).sum(axis=1) == 2, 1, -1)
    backs = np.bincount(classes, turns, minlength=count) == 0
    return np.asarray(backs[classes])


def _compact(positions: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"]) -> Mesh:
    """A mesh of the points that triangles use, in order."""
    used = np.zeros(len(positions), bool)
    used[faces.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    return Mesh(positions=positions[used], triangles=renumbered[faces])


def _parted(mesh: Mesh) -> Mesh:
    """The mesh with parts that share an edge by position, though not by vertex, moved a little apart."""
    _, faces = welded_points(mesh)
    crowded = crowded_points(find_edges(faces, point_count=mesh.vertex_count))
    if not crowded.any():
        return mesh
    move = np.zeros(mesh.vertex_count, bool)
    move[mesh.triangles.reshape(-1)] = crowded[faces.reshape(-1)]
    return replace(mesh, positions=moved_apart(mesh.positions, mesh.triangles.astype(np.int32), move))
