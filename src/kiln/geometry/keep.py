"""Fewer of a mesh's own vertices, with everything they carry: UVs, colours, materials. Seams and borders of materials hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int32, UInt8

from kiln.asset import Mesh
from kiln.geometry.subset import Subset
from kiln.geometry.topology import find_edges
from kiln.geometry.vectors import face_vectors

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
    subset = Subset.of(mesh)
    anchors = None
    if mesh.colors is not None and color_weight > 0:
        proper = replace(mesh, triangles=mesh.triangles[subset.index])
        anchors = color_weight**2 * _color_anchors(proper, mesh.colors, subset.faces, len(subset.points), budget=triangles)
    collapsing = subset.collapsing(anchors=anchors)
    collapsing.to(triangles, at_any_price=True)
    return subset.left(collapsing)[1]


def held_points(mesh: Mesh) -> tuple[int, int]:
    """How many of the mesh's points lie on UV seams, borders of materials or open edges, where few edges may go; and how many it has."""
    subset = Subset.of(mesh)
    alone = find_edges(subset.wedges, point_count=len(subset.vertices)).twins < 0
    return len(np.unique(subset.faces.reshape(-1)[alone])), len(np.unique(subset.faces))


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
