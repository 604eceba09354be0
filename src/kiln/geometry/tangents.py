"""MikkTSpace tangents (Mikkelsen 2008, "Simulation of Wrinkled Surfaces Revisited"): the space every engine decodes normal maps in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64, UInt32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.vectors import unit_vectors
from kiln.kernels.tangents import group_corners, link_edges
from kiln.kernels.weld import equal_rows, first_of_classes


@dataclass(frozen=True, eq=False, kw_only=True)
class TangentSpace:
    """Tangents of a mesh, and how its vertices had to be split for them."""

    source: Int64[np.ndarray, " split"]
    """For each new vertex, the vertex it was."""

    triangles: UInt32[np.ndarray, "triangles 3"]
    """The same triangles over the new vertices."""

    tangents: Float32[np.ndarray, "split 4"]
    """Unit, at right angles to the normal; w is the handedness, the same at a triangle's three corners."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def add_tangents(mesh: Mesh) -> Mesh:
    """The mesh with MikkTSpace tangents as glTF means them (on u, 1 - v), vertices split where tangents differ.

    Needs normals and UVs (ValueError). Vertices keep their order, copies stand beside their original, and vertices that no triangle
    uses are dropped. Triangles whose UVs have no area take their neighbours' tangents.
    """
    space = tangent_space(mesh)
    return replace(mesh.take_vertices(space.source, space.triangles), tangents=space.tangents)


def tangent_space(mesh: Mesh) -> TangentSpace:
    """The tangents of `add_tangents`, with the mapping from new vertices to old ones."""
    if mesh.normals is None or mesh.uvs is None:
        raise ValueError("tangents need normals and UVs: unwrap first")
    normals = unit_vectors(mesh.normals.astype(np.float64))[mesh.triangles]
    points, _ = equal_rows(np.hstack([mesh.positions, mesh.normals, mesh.uvs]))
    places, _ = equal_rows(mesh.positions)
    sound = _three_places(places[mesh.triangles])
    directions, orientation = _directions(mesh)
    orientation[~sound] = 0
    group = _groups(points[mesh.triangles], sound, orientation)
    pulls = _pulls(mesh, normals, directions)
    tangents = _group_means(group, pulls)
    for classes in (points, places):
        _borrow(classes[mesh.triangles], tangents, orientation)
    return _split(mesh, _perpendicular(tangents, normals.reshape(-1, 3)), orientation)


def _three_places(places: Int64[np.ndarray, "f 3"]) -> np.ndarray:
    a, b, c = places.T
    return (a != b) & (b != c) & (c != a)


def _directions(mesh: Mesh) -> tuple[Float64[np.ndarray, "f 3"], Int8[np.ndarray, " f"]]:
    """Unit direction of growing u on each triangle, and +1 where UVs (v up) wind as the triangle does, -1 mirrored, 0 without area."""
    assert mesh.uvs is not None  # noqa: S101 - checked by the caller
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    s, t, r = (mesh.uvs[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    u1, v1 = (t - s).T
    u2, v2 = (r - s).T
    orientation = np.sign(v1 * u2 - u1 * v2).astype(np.int8)
    along = (v1 * orientation)[:, None] * (c - a) - (v2 * orientation)[:, None] * (b - a)
    return unit_vectors(along), orientation


def _groups(points: Int64[np.ndarray, "f 3"], sound: np.ndarray, orientation: Int8[np.ndarray, " f"]) -> Int64[np.ndarray, " corners"]:
    """Group of each corner, -1 for none; `orientation` is completed in place."""
    corners = points.size
    across, following, group = (np.full(corners, -1, np.int64) for _ in range(3))
    link_edges(points, sound, across, np.full(1 << max(4, corners.bit_length()), -1, np.int64), following)
    group_corners(points, orientation, across, group, np.empty(corners + 2, np.int64))
    return group


def _pulls(mesh: Mesh, normals: Float64[np.ndarray, "f 3 3"], directions: Float64[np.ndarray, "f 3"]) -> Float64[np.ndarray, "corners 3"]:
    """What each corner adds to its group: the triangle's direction in the vertex's plane, times the angle there in that plane."""
    corners = mesh.positions[mesh.triangles].astype(np.float64)
    pulls = np.empty_like(corners)
    for k in range(3):
        n = normals[:, k]
        e = unit_vectors(_flatten(corners[:, (k + 1) % 3] - corners[:, k], n))
        f = unit_vectors(_flatten(corners[:, (k + 2) % 3] - corners[:, k], n))
        angle = np.arccos(np.clip(np.einsum("fk,fk->f", e, f), -1, 1))
        pulls[:, k] = unit_vectors(_flatten(directions, n)) * angle[:, None]
    return pulls.reshape(-1, 3)


def _flatten(vectors: Float64[np.ndarray, "n 3"], normals: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """The vectors' part at right angles to the normals."""
    return vectors - normals * np.einsum("nk,nk->n", vectors, normals)[:, None]


def _group_means(group: Int64[np.ndarray, " corners"], pulls: Float64[np.ndarray, "corners 3"]) -> Float64[np.ndarray, "corners 3"]:
    """Unit mean of each corner's group; zero for corners in no group, and where a group's directions cancel."""
    grouped = group >= 0
    sums = np.stack([np.bincount(group[grouped], pulls[grouped, axis], len(group)) for axis in range(3)], axis=1).astype(np.float64)
    sums[np.abs(sums).max(axis=1) < 1e-9] = 0
    return np.where(grouped[:, None], unit_vectors(sums)[group], 0.0)


def _borrow(classes: Int64[np.ndarray, "f 3"], tangents: Float64[np.ndarray, "corners 3"], orientation: Int8[np.ndarray, " f"]) -> None:
    """Give corners without a tangent that of the first corner of their class that has one, and its handedness to triangles without."""
    missing = np.flatnonzero(~tangents.any(axis=1))
    if not len(missing):
        return
    corner_class = classes.reshape(-1)
    donors = np.flatnonzero(tangents.any(axis=1))[::-1]
    first = np.full(int(corner_class.max()) + 1, -1, np.int64)
    first[corner_class[donors]] = donors  # of equal indices the last assignment stays: the first corner
    donor = first[corner_class[missing]]
    missing, donor = missing[donor >= 0], donor[donor >= 0]
    tangents[missing] = tangents[donor]
    open_triangle = orientation[missing // 3] == 0
    orientation[missing[open_triangle] // 3] = orientation[donor[open_triangle] // 3]


def _perpendicular(tangents: Float64[np.ndarray, "n 3"], normals: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """Unit tangents at right angles to their normals; where there is none, any direction that is."""
    flat = _flatten(tangents, normals)
    lost = np.einsum("nk,nk->n", flat, flat) < 1e-12
    axis = np.eye(3)[np.abs(normals[lost]).argmin(axis=1)]
    flat[lost] = _flatten(axis, normals[lost])
    return unit_vectors(flat)


def _split(mesh: Mesh, tangents: Float64[np.ndarray, "corners 3"], orientation: Int8[np.ndarray, " f"]) -> TangentSpace:
    """One vertex for each pair of an old vertex and a tangent, in the old order."""
    handed = np.where(orientation == 0, 1, orientation).repeat(3)
    corner_tangents = np.column_stack([tangents, handed]).astype(np.float32)
    vertex = mesh.triangles.reshape(-1)
    classes, count = equal_rows(np.column_stack([vertex, corner_tangents.view(np.uint32)]))
    corner = first_of_classes(classes, count)
    order = np.argsort(vertex[corner], kind="stable")
    rank = np.empty(count, np.uint32)
    rank[order] = np.arange(count, dtype=np.uint32)
    chosen = corner[order]
    return TangentSpace(source=vertex[chosen].astype(np.int64), triangles=rank[classes].reshape(-1, 3), tangents=corner_tangents[chosen])
