"""Vertex normals: smooth everywhere, or smooth up to creases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.per_mesh import once_per_mesh
from kiln.geometry.topology import Edges, find_edges, has_repeated_corner, next_corners, point_triangles
from kiln.geometry.vectors import face_vectors
from kiln.geometry.weld import weld_classes
from kiln.kernels.normals import add_corner_normals
from kiln.kernels.topology import join_pairs, number_sets
from kiln.kernels.weld import equal_rows

_CREASE_DEGREES = 60.0
"""Edges where the surface turns by more than this are hard. A ring of eight sides turns by 45 and is meant round; a box turns by 90."""


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


def with_normals(mesh: Mesh) -> Mesh:
    """The mesh with its own normals, or, where it has none, normals that are smooth up to its creases: vertices are split along those,
    triangles and the order of their corners stay.
    """
    if mesh.normals is not None:
        return mesh
    corners = np.arange(mesh.triangles.size, dtype=np.int32).reshape(-1, 3)
    groups = crease_groups(mesh, corners)
    if groups is None:
        return replace(mesh, normals=smooth_normals(mesh))
    vertex = mesh.triangles.reshape(-1).astype(np.int64)
    places, count = equal_rows(np.stack([vertex, groups], axis=1))
    source, group = np.empty(count, np.int64), np.empty(count, np.int64)
    source[places], group[places] = vertex, groups
    split = mesh.take_vertices(source, places.reshape(-1, 3).astype(np.uint32))
    return replace(split, normals=smooth_normals(split, groups=group))


shaded = once_per_mesh(with_normals)
"""`with_normals`, worked out once while the mesh lives: of 5M triangles it takes seconds, and several look at the same source."""


def crease_groups(mesh: Mesh, items: Int32[np.ndarray, "triangles 3"]) -> Int64[np.ndarray, " items"] | None:
    """Which items share a normal when creases are hard; None where there is no crease. Items stand at the triangles' corners (the corners
    themselves, or vertices), numbered from 0; two at one point are in one group when triangles lead from one to the other over soft edges.
    """
    faces, point_count = point_triangles(mesh)
    proper = np.flatnonzero(~has_repeated_corner(faces))
    edges = find_edges(faces[proper], point_count=point_count)
    here = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    hard = _is_hard(Mesh(positions=mesh.positions, triangles=mesh.triangles[proper]), here, edges)
    if not hard.any():
        return None
    here = here[~hard]
    there = edges.twins[here]
    item = items[proper].reshape(-1)
    parents = np.arange(int(items.max(initial=-1)) + 1, dtype=np.int32)
    same_way = edges.starts[here] == edges.starts[there]
    join_pairs(parents, item[here], item[np.where(same_way, there, next_corners(there))])
    join_pairs(parents, item[next_corners(here)], item[np.where(same_way, next_corners(there), there)])
    groups = np.empty(len(parents), np.int32)
    number_sets(parents, groups)
    return groups.astype(np.int64)


def _is_hard(mesh: Mesh, half_edges: Int32[np.ndarray, " n"], edges: Edges) -> Bool[np.ndarray, " n"]:
    """Whether the surface turns by more than _CREASE_DEGREES from each half-edge's triangle to its twin's."""
    vectors = face_vectors(mesh)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    cosine = np.einsum("nk,nk->n", vectors[half_edges // 3], vectors[edges.twins[half_edges] // 3])
    return np.asarray(cosine < np.cos(np.radians(_CREASE_DEGREES)))
