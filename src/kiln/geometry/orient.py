"""Triangles that all wind the same way, outward."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.shells import spread_directions, spread_over_parts
from kiln.geometry.topology import Edges, find_edges, next_corners, point_triangles
from kiln.geometry.trace import Scene, scene_of
from kiln.geometry.vectors import face_vectors, unit_vectors
from kiln.kernels.orient import flood_winding

_PROBES = np.array([(0.577, 0.211, 0.789), (-0.801, 0.598, 0.031), (0.123, -0.907, -0.403)], np.float32)
"""Directions in which a shell looks for another one around it: none is an axis, along which models tend to have edges."""

_PLACES = 32
"""Triangles of an open patch from which both its sides look for the open air."""

_WAYS = 32
"""Directions in which they look."""

_RAYS = 4_000_000
"""About 3 s of tracing; of a mesh with more pieces each is asked at fewer places."""

_NEARLY_CLOSED = 1.0
"""Length of rims over the square root of the area up to which the enclosed volume tells in from out, with no need of rays: a hemisphere has
2.5, a figure with some small holes 0.2."""

_CLEARLY = 1.1
"""A sheet's sides see the same; a back that sees this many times what the front does is the outside. A shallow dish stays as it is."""

_OFF_SURFACE = 1e-4
"""Rays start this share of the diagonal beside their face."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Patches:
    """A mesh's pieces that each wind one way."""

    mesh: Mesh
    labels: Int32[np.ndarray, " triangles"]
    areas: Float64[np.ndarray, " triangles"]
    normals: Float64[np.ndarray, "triangles 3"]
    """As each piece winds by now; twice the area long."""

    is_open: Bool[np.ndarray, " patches"]


def orient(mesh: Mesh) -> tuple[Mesh, int]:
    """The mesh with each connected patch wound one way, outward where it has an inside, and how many triangles were turned.

    A patch keeps the winding most of its area has, unless the volume it encloses is then negative; a closed shell that lies inside another
    may be a cavity and keeps it anyway. An open patch is turned when its back sees more of the open air than its front (Takayama et al.
    2014): so a bowl's outside faces out, and so does each piece of a soup. Normals and tangents are dropped when triangles were turned.
    """
    faces, count = point_triangles(mesh)
    edges = find_edges(faces, point_count=count)
    patches, turned = np.full(len(faces), -1, np.int32), np.zeros(len(faces), bool)
    patch_count = flood_winding(faces, edges.twins, patches, turned, np.empty(len(faces), np.int32))
    normals = face_vectors(mesh)
    area = triangle_areas(mesh)
    turned ^= _sums(np.where(turned, area, -area), patches, patch_count)[patches] > 0
    wound = _Patches(
        mesh=mesh,
        labels=patches,
        areas=area,
        normals=np.where(turned[:, None], -normals, normals),
        is_open=_is_open(mesh, edges, patches, _sums(area, patches, patch_count)),
    )
    turned ^= (_is_inside_out(wound) | _shows_its_back(wound))[patches]
    if not turned.any():
        return mesh, 0
    triangles = np.where(turned[:, None], mesh.triangles[:, ::-1], mesh.triangles)
    return replace(mesh, triangles=triangles, normals=None, tangents=None), int(turned.sum())


def _sums(
    values: Float64[np.ndarray, " triangles"], patches: Int32[np.ndarray, " triangles"], count: int
) -> Float64[np.ndarray, " patches"]:
    """Sum over each patch."""
    return np.bincount(patches, values, minlength=count)


def _is_inside_out(patches: _Patches) -> Bool[np.ndarray, " patches"]:
    """Which (nearly) closed patches enclose a negative volume without being a shell inside another one."""
    count, labels, areas = len(patches.is_open), patches.labels, patches.areas
    centers = patches.mesh.positions.astype(np.float64)[patches.mesh.triangles].mean(axis=1)
    total = np.maximum(_sums(areas, labels, count), 1e-300)
    middle = np.stack([_sums(areas * centers[:, axis], labels, count) / total for axis in range(3)], axis=1)
    volume = _sums(((centers - middle[labels]) * patches.normals).sum(axis=1) / 6, labels, count)
    inside_out = (volume < 0) & ~patches.is_open
    if inside_out.any() and not inside_out.all():
        shells = np.flatnonzero(inside_out)
        inside_out[shells[_is_enclosed(patches, inside_out, shells)]] = False
    return inside_out


def _is_open(
    mesh: Mesh, edges: Edges, patches: Int32[np.ndarray, " triangles"], areas: Float64[np.ndarray, " patches"]
) -> Bool[np.ndarray, " patches"]:
    """Which patches have rims so long that the volume they enclose says nothing."""
    half = np.flatnonzero(edges.twins < 0).astype(np.int32)
    corners = mesh.triangles.reshape(-1)
    ways = mesh.positions[corners[next_corners(half)]].astype(np.float64) - mesh.positions[corners[half]]
    rims = np.bincount(patches[half // 3], np.linalg.norm(ways, axis=1), minlength=len(areas))
    return rims > _NEARLY_CLOSED * np.sqrt(areas)


def _shows_its_back(patches: _Patches) -> Bool[np.ndarray, " patches"]:
    """Which open patches' backs see clearly more of the open air than their fronts."""
    if not patches.is_open.any():
        return patches.is_open
    mesh, labels = patches.mesh, patches.labels
    rows = spread_over_parts(patches.areas, labels, np.flatnonzero(patches.is_open), rays=_RAYS, ways=_WAYS, most=_PLACES)
    scene, directions = scene_of(mesh), unit_vectors(patches.normals[rows]).astype(np.float32)
    middles = mesh.positions[mesh.triangles[rows]].mean(axis=1)
    seen = np.zeros((len(patches.is_open), 2))
    for way in spread_directions(_WAYS):
        facing = directions @ way
        starts = middles + np.sign(facing)[:, None] * directions * np.float32(_OFF_SURFACE * mesh.diagonal)
        free = ~scene.occluded(starts, np.broadcast_to(way, starts.shape).copy())
        np.add.at(seen, (labels[rows], (facing < 0).astype(np.int64)), np.abs(facing) * free)
    return patches.is_open & (seen[:, 1] > _CLEARLY * seen[:, 0] + 1e-6)


def _is_enclosed(
    patches: _Patches, inside_out: Bool[np.ndarray, " patches"], shells: Int64[np.ndarray, " shells"]
) -> Bool[np.ndarray, " shells"]:
    """Which shells lie inside one that winds outward: every probe from them first meets the back of a triangle."""
    around = patches.mesh.take_triangles(~inside_out[patches.labels])
    scene, normals = Scene(around), face_vectors(around).astype(np.float32)
    _, first = np.unique(patches.labels, return_index=True)
    starts = patches.mesh.positions[patches.mesh.triangles[first[shells], 0]]
    enclosed = np.ones(len(shells), bool)
    for probe in _PROBES:
        hits = scene.closest(starts, np.broadcast_to(probe, starts.shape).copy())
        enclosed &= hits.hit & (normals[np.maximum(hits.triangle, 0)] @ probe > 0)
    return enclosed
