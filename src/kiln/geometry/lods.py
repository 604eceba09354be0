"""Coarser meshes that share a mesh's UV layout, so that one set of textures serves all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.normals import smooth_normals
from kiln.geometry.refit import refit
from kiln.geometry.topology import find_edges, has_repeated_corner, welded_points


def coarsen(mesh: Mesh, *, targets: tuple[int, ...], fitted: bool = False) -> tuple[Mesh, ...]:
    """One mesh a target (triangles, falling), each made of vertices of the one before, with all their attributes.

    Fitted, each one's points are moved along the mesh's normals so that its surface lies as near to the mesh's as it can.

    Vertices on UV seams stay on them and both sides stay together; no triangle spans two charts, turns over in UV or loses its UV area.
    Seams and borders may keep a mesh above its target. Normals missing on the mesh are added first, smooth.
    """
    whole = mesh if mesh.normals is not None else replace(mesh, normals=smooth_normals(mesh))
    collapsing, index = _prepared(whole)
    ways = smooth_normals(whole) if fitted else None
    made = []
    for target in targets:
        collapsing.to(target)
        used, lod = _of_vertices(whole, collapsing.wedges, index[collapsing.alive])
        made.append(lod if ways is None else refit(whole, lod, along=ways[used]))
    return tuple(made)


def _prepared(mesh: Mesh) -> tuple[Collapsing, Int64[np.ndarray, " triangles"]]:
    """The mesh with its vertices as wedges, and which of its triangles those of the collapsing are."""
    points, faces = welded_points(mesh)
    index = np.flatnonzero(~has_repeated_corner(faces))
    wedges = mesh.triangles[index].astype(np.int32)
    faces, origin = split_non_manifold(find_edges(faces[index], point_count=len(points)), points)
    uvs = None if mesh.uvs is None else mesh.uvs.astype(np.float64)
    return Collapsing(points[origin].astype(np.float64), faces, wedges=wedges, uvs=uvs), index


def _of_vertices(
    mesh: Mesh, triangles: Int32[np.ndarray, "left 3"], index: Int64[np.ndarray, " left"]
) -> tuple[Bool[np.ndarray, " vertices"], Mesh]:
    """Which of the mesh's vertices these triangles use, and the mesh of those; index says which of the mesh's triangles they were."""
    used = np.zeros(mesh.vertex_count, bool)
    used[triangles.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    material_ids = None if mesh.material_ids is None else mesh.material_ids[index]
    return used, replace(mesh.take_vertices(np.flatnonzero(used), renumbered[triangles]), material_ids=material_ids)
