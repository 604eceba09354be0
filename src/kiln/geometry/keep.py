"""Fewer of a mesh's own vertices, with everything they carry: UVs, colours, materials. Seams and borders of materials hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt8

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.topology import find_edges, has_repeated_corner, welded_points
from kiln.geometry.vectors import face_vectors
from kiln.kernels.weld import equal_rows

_COLOR_ERROR = 25.0
"""At weight 1 colour that errs from black to white counts like a surface that is this many times the result's mean squared edge away, all
in diagonals. (How far a surface errs goes with the squared edge, too, so the balance is the same at every budget.)"""


def simplify_keeping(mesh: Mesh, *, triangles: int, color_weight: float = 1.0) -> Mesh:
    """The mesh with at most this many triangles, made of its own vertices with all their attributes.

    Both sides of UV seams and of borders between materials stay together, no triangle spans two charts or turns over in UV: that may
    keep it above the budget. Borders between vertex colours hold the firmer the higher color_weight is; 0 ignores colours.
    """
    if mesh.triangle_count <= triangles:
        return mesh
    index, points, faces = _surface(mesh)
    wedges, vertices = _wedges(mesh, index)
    at = np.empty(len(points), np.int64)
    at[faces] = vertices[wedges]
    anchors = None
    if mesh.colors is not None and color_weight > 0:
        proper = replace(mesh, triangles=mesh.triangles[index])
        anchors = color_weight**2 * _color_anchors(proper, mesh.colors, faces, len(points), budget=triangles)
    collapsing = Collapsing(
        points.astype(np.float64),
        faces,
        wedges=wedges,
        uvs=None if mesh.uvs is None else mesh.uvs[vertices].astype(np.float64),
        anchors=anchors,
        importance=None if mesh.importance is None else mesh.importance[at],
    )
    collapsing.to(triangles, at_any_price=True)
    return _of_vertices(mesh, vertices[collapsing.wedges], index[collapsing.alive])


def _surface(
    mesh: Mesh,
) -> tuple[Int64[np.ndarray, " proper"], Float32[np.ndarray, "points 3"], Int32[np.ndarray, "proper 3"]]:
    """Which triangles have three different points, the points, and those triangles over them; sheets that meet are parted."""
    points, faces = welded_points(mesh)
    index = np.flatnonzero(~has_repeated_corner(faces))
    faces, origin = split_non_manifold(find_edges(faces[index], point_count=len(points)), points)
    return index, points[origin], faces


def _wedges(mesh: Mesh, index: Int64[np.ndarray, " proper"]) -> tuple[Int32[np.ndarray, "proper 3"], Int64[np.ndarray, " wedges"]]:
    """The wedge at each corner of these triangles, and each wedge's vertex: a vertex where materials meet has one for each material, so
    that the border between them is a seam.
    """
    corners = mesh.triangles[index].astype(np.int64)
    if mesh.material_ids is None:
        return corners.astype(np.int32), np.arange(mesh.vertex_count)
    materials = np.repeat(mesh.material_ids[index].astype(np.int64), 3)
    rows = np.stack([corners.reshape(-1), materials], axis=1)
    wedges, count = equal_rows(rows)
    vertices = np.empty(count, np.int64)
    vertices[wedges] = rows[:, 0]
    return wedges.astype(np.int32).reshape(-1, 3), vertices


def _color_anchors(
    mesh: Mesh, colors: UInt8[np.ndarray, "vertices 4"], faces: Int32[np.ndarray, "triangles 3"], count: int, *, budget: int
) -> Float64[np.ndarray, "count 3 3"]:
    """How much colour errs in square where a point is moved: the sum of area times outer square of colour's gradient around it.

    (The quadric of Hoppe 1999 for a point that keeps its colour.) Gradients are taken as if no edge were shorter than the result's: else
    one row of dense triangles would hold a border for ever, and cost as if colour could err by more than all.
    """
    corners = mesh.positions[mesh.triangles].astype(np.float64)
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    normals = face_vectors(mesh)
    twice = np.maximum(np.linalg.norm(normals, axis=1), 1e-30)
    ways = np.cross((normals / twice[:, None])[:, None], opposite) / twice[:, None, None]
    gradients = np.einsum("fkc,fkx->fcx", colors[mesh.triangles][:, :, :3] / 255, ways)
    edge = twice.sum() / budget  # squared, of a mesh of right-angled triangles
    weight = (_COLOR_ERROR * edge / mesh.diagonal**2) ** 2
    tensors = np.einsum("f,fcx,fcy->fxy", weight * twice / 2 * np.minimum(1, twice / edge), gradients, gradients)
    flat = np.repeat(tensors.reshape(-1, 9), 3, axis=0)
    return np.stack([np.bincount(faces.reshape(-1), column, minlength=count) for column in flat.T], axis=1).reshape(-1, 3, 3)


def _of_vertices(mesh: Mesh, triangles: Int64[np.ndarray, "left 3"], index: Int64[np.ndarray, " left"]) -> Mesh:
    """The mesh's vertices that these triangles use, in order; index says which of the mesh's triangles they were."""
    used = np.zeros(mesh.vertex_count, bool)
    used[triangles.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    material_ids = None if mesh.material_ids is None else mesh.material_ids[index]
    return replace(mesh.take_vertices(np.flatnonzero(used), renumbered[triangles]), material_ids=material_ids)
