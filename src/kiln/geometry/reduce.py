"""Triangles over points made a manifold, and collapsed to a budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.manifold import crowded_points, moved_apart, part_doubled_edges, split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, is_duplicate, label_components, welded_points
from kiln.kernels.topology import sort_corners
from kiln.kernels.weld import equal_rows

_SPECKS = 0.1
"""Share of the triangles beyond which small parts are what the mesh is made of."""


def proper_triangles(faces: Int32[np.ndarray, "triangles 3"]) -> Int32[np.ndarray, "proper 3"]:
    """Without triangles that have a point twice or repeat another."""
    faces = faces[~has_repeated_corner(faces)]
    return faces[~is_duplicate(faces)]


def without_fins(faces: Int32[np.ndarray, "triangles 3"]) -> Int32[np.ndarray, "net 3"]:
    """Proper triangles, and none where they lie back to back over the same points: together they bound nothing, one alone would have open
    edges. What was closed stays closed.
    """
    faces = faces[~has_repeated_corner(faces)]
    rows = np.empty_like(faces)
    sort_corners(faces, rows)
    classes, count = equal_rows(rows)
    turns = np.where((faces < np.roll(faces, -1, axis=1)).sum(axis=1) == 2, 1, -1)
    net = np.bincount(classes, turns, minlength=count)[classes]
    faces = faces[net * turns > 0]
    return faces[~is_duplicate(faces)]


def reduced(
    points: Float32[np.ndarray, "points 3"],
    faces: Int32[np.ndarray, "triangles 3"],
    *,
    triangles: int,
    importance: Float32[np.ndarray, " points"] | None = None,
    specks: int = 0,
) -> Mesh:
    """A manifold mesh of at most this many triangles, nothing degenerate.

    The triangles must be proper. Sheets that meet along an edge are parted first, and points then move freely.
    Importance is what `Collapsing` takes.
    Parts of at most `specks` triangles are left out, unless they make up much of the whole.
    """
    if len(faces) == 0:
        return Mesh(positions=points[:0], triangles=faces.astype(np.uint32))
    faces, origin = split_non_manifold(find_edges(faces, point_count=len(points)), points)
    faces = faces[~_is_speck(faces, len(origin), specks)]
    weights = None if importance is None else importance[origin]
    whole, faces = part_doubled_edges(points[origin], faces)
    if weights is not None:  # the middles of cut edges are few
        weights = np.append(weights, np.ones(len(whole) - len(weights), np.float32))
    collapsing = Collapsing(whole.astype(np.float64), faces, importance=weights)
    collapsing.drop_needles()
    collapsing.to(triangles, at_any_price=True)
    collapsing.drop_needles()
    return moved_from_others(compact(collapsing.positions.astype(np.float32), collapsing.triangles))


def _is_speck(faces: Int32[np.ndarray, "triangles 3"], point_count: int, most: int) -> Bool[np.ndarray, " triangles"]:
    """Which triangles belong to parts of at most this many; none where that is more than a share of _SPECKS."""
    if most == 0:
        return np.zeros(len(faces), bool)
    labels, count = label_components(faces, point_count=point_count)
    small = np.bincount(labels, minlength=count)[labels] <= most
    return small if small.mean() <= _SPECKS else np.zeros(len(faces), bool)


def compact(positions: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"]) -> Mesh:
    """A mesh of the points that triangles use, in order."""
    used = np.zeros(len(positions), bool)
    used[faces.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    return Mesh(positions=positions[used], triangles=renumbered[faces])


def parted(mesh: Mesh) -> Mesh:
    """The mesh with sheets that meet along an edge taken apart and moved a little from each other; triangles keep their order."""
    points, faces = welded_points(mesh)
    edges = find_edges(faces, point_count=len(points))
    if not edges.non_manifold_count:
        return mesh
    faces, origin = split_non_manifold(edges, points)
    return moved_from_others(Mesh(positions=points[origin], triangles=faces.astype(np.uint32)))


def moved_from_others(mesh: Mesh) -> Mesh:
    """The mesh with parts that share an edge by position, though not by vertex, moved a little apart."""
    _, faces = welded_points(mesh)
    crowded = crowded_points(find_edges(faces, point_count=mesh.vertex_count))
    if not crowded.any():
        return mesh
    move = np.zeros(mesh.vertex_count, bool)
    move[mesh.triangles.reshape(-1)] = crowded[faces.reshape(-1)]
    return replace(mesh, positions=moved_apart(mesh.positions, mesh.triangles.astype(np.int32), move))
