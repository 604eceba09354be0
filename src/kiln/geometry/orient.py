"""Triangles that all wind the same way, outward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.topology import Edges, find_edges, point_triangles
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import face_vectors
from kiln.kernels.orient import flood_winding

_PROBES = np.array([(0.577, 0.211, 0.789), (-0.801, 0.598, 0.031), (0.123, -0.907, -0.403)], np.float32)
"""Directions in which a shell looks for another one around it: none is an axis, along which models tend to have edges."""

ROUND = 0.02
"""Volume over area to the power 1.5 (a sphere has 0.094) above which an open patch has a clear inside."""


def orient(mesh: Mesh) -> tuple[Mesh, int]:
    """The mesh with each connected patch wound one way, outward where it has an inside, and how many triangles were turned.

    A patch keeps the winding most of its area has, unless the volume it encloses is then negative; a closed shell that lies inside another
    may be a cavity and keeps it anyway. Normals and tangents are dropped when triangles were turned.
    """
    faces, count = point_triangles(mesh)
    edges = find_edges(faces, point_count=count)
    patches, turned = np.full(len(faces), -1, np.int32), np.zeros(len(faces), bool)
    patch_count = flood_winding(faces, edges.twins, patches, turned, np.empty(len(faces), np.int32))
    normals = face_vectors(mesh)
    area = triangle_areas(mesh)
    turned ^= _sums(np.where(turned, area, -area), patches, patch_count)[patches] > 0
    turned ^= _is_inside_out(mesh, edges, patches, np.where(turned[:, None], -normals, normals))[patches]
    if not turned.any():
        return mesh, 0
    triangles = np.where(turned[:, None], mesh.triangles[:, ::-1], mesh.triangles)
    return replace(mesh, triangles=triangles, normals=None, tangents=None), int(turned.sum())


def _sums(
    values: Float64[np.ndarray, " triangles"], patches: Int32[np.ndarray, " triangles"], count: int
) -> Float64[np.ndarray, " patches"]:
    """Sum over each patch."""
    return np.bincount(patches, values, minlength=count)


def _is_inside_out(
    mesh: Mesh, edges: Edges, patches: Int32[np.ndarray, " triangles"], normals: Float64[np.ndarray, "triangles 3"]
) -> Bool[np.ndarray, " patches"]:
    """Which patches enclose a negative volume without being a shell inside another one."""
    count = int(patches.max(initial=-1)) + 1
    centers = mesh.positions.astype(np.float64)[mesh.triangles].mean(axis=1)
    area = triangle_areas(mesh)
    total = np.maximum(_sums(area, patches, count), 1e-300)
    middle = np.stack([_sums(area * centers[:, axis], patches, count) / total for axis in range(3)], axis=1)
    volume = _sums(((centers - middle[patches]) * normals).sum(axis=1) / 6, patches, count)
    is_open = np.zeros(count, bool)
    is_open[patches[np.flatnonzero(edges.twins < 0) // 3]] = True
    inside_out = (volume < 0) & (~is_open | (-volume > ROUND * total**1.5))
    closed = inside_out & ~is_open
    if closed.any() and not inside_out.all():
        inside_out[np.flatnonzero(closed)[_is_enclosed(mesh, patches, inside_out, np.flatnonzero(closed))]] = False
    return inside_out


def _is_enclosed(
    mesh: Mesh, patches: Int32[np.ndarray, " triangles"], inside_out: Bool[np.ndarray, " patches"], shells: Int64[np.ndarray, " shells"]
) -> Bool[np.ndarray, " shells"]:
    """Which shells lie inside one that winds outward: every probe from them first meets the back of a triangle."""
    around = mesh.take_triangles(~inside_out[patches])
    scene, normals = Scene(around), face_vectors(around).astype(np.float32)
    _, first = np.unique(patches, return_index=True)
    starts = mesh.positions[mesh.triangles[first[shells], 0]]
    enclosed = np.ones(len(shells), bool)
    for probe in _PROBES:
        hits = scene.closest(starts, np.broadcast_to(probe, starts.shape).copy())
        enclosed &= hits.hit & (normals[np.maximum(hits.triangle, 0)] @ probe > 0)
    return enclosed
