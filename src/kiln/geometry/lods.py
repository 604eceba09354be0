"""Coarser meshes that share a mesh's UV layout, so that one set of textures serves all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.distance import distance_to
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.normals import smooth_normals
from kiln.geometry.topology import find_edges, has_repeated_corner, welded_points


def coarsen(mesh: Mesh, *, targets: tuple[int, ...]) -> tuple[Mesh, ...]:
    """One mesh a target (triangles, falling), each made of vertices of the one before, with all their attributes.

    Vertices on UV seams stay on them and both sides stay together; no triangle spans two charts, turns over in UV or loses its UV area.
    Seams and borders may keep a mesh above its target. Normals missing on the mesh are added first, smooth.
    """
    whole = mesh if mesh.normals is not None else replace(mesh, normals=smooth_normals(mesh))
    collapsing, index = _prepared(whole)
    made = []
    for target in targets:
        collapsing.to(target)
        made.append(_of_vertices(whole, collapsing.wedges, index[collapsing.alive]))
    return tuple(made)


def _prepared(mesh: Mesh) -> tuple[Collapsing, Int64[np.ndarray, " triangles"]]:
    """The mesh with its vertices as wedges, and which of its triangles those of the collapsing are."""
    points, faces = welded_points(mesh)
    index = np.flatnonzero(~has_repeated_corner(faces))
    wedges = mesh.triangles[index].astype(np.int32)
    faces, origin = split_non_manifold(find_edges(faces[index], point_count=len(points)), points)
    uvs = None if mesh.uvs is None else mesh.uvs.astype(np.float64)
    return Collapsing(points[origin].astype(np.float64), faces, wedges=wedges, uvs=uvs), index


def _of_vertices(mesh: Mesh, triangles: Int32[np.ndarray, "left 3"], index: Int64[np.ndarray, " left"]) -> Mesh:
    """The mesh's vertices that these triangles use, in order; index says which of the mesh's triangles they were."""
    used = np.zeros(mesh.vertex_count, bool)
    used[triangles.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    material_ids = None if mesh.material_ids is None else mesh.material_ids[index]
    return replace(mesh.take_vertices(np.flatnonzero(used), renumbered[triangles]), material_ids=material_ids)


def deviation(mesh: Mesh, lod: Mesh) -> float:
    """The farthest that a vertex of the mesh or the middle of one of its triangles is from the LOD, as a share of the mesh's diagonal."""
    corners = mesh.positions.astype(np.float64)[mesh.triangles]
    points = np.concatenate([mesh.positions.astype(np.float64), corners.mean(axis=1)])
    return float(distance_to(lod, points).max()) / mesh.diagonal
