"""First charts: every triangle to the axis it faces, borders smoothed. Needs nothing but the mesh, and cannot fail."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.sparse import coo_array, csr_array

from kiln.asset import Mesh
from kiln.geometry.seams import InnerEdges
from kiln.geometry.vectors import face_vectors, unit_vectors

_AXES = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], np.float64)

_SIDEWAYS = np.array([(0, 0, -1), (0, 0, 1), (1, 0, 0), (1, 0, 0), (1, 0, 0), (-1, 0, 0)], np.float64)
"""The direction that each axis's projection lays along +x."""

_STEEPEST = 0.2
"""Least cosine between a triangle and its axis: a projected triangle keeps at least a fifth of its area."""

_ROUNDS = 12
"""Of smoothing borders."""

_RINGS = 6
"""Over which normals are averaged before axes are chosen: relief finer than that makes no charts of its own."""

_EASE = 0.5
"""What a triangle gains, in cosine, by agreeing with all of its neighbours."""


def box_axes(mesh: Mesh, edges: InnerEdges) -> Int64[np.ndarray, " triangles"]:
    """The axis (0 to 5) each triangle is projected along: one it faces, chosen together with its neighbours so that borders are short."""
    beside = _neighbours(edges)
    faces = unit_vectors(face_vectors(mesh)) @ _AXES.T
    score = smoothed_normals(mesh, edges) @ _AXES.T
    score[faces < _STEEPEST] = -np.inf
    axis = score.argmax(axis=1)
    for _ in range(_ROUNDS):
        agreement = beside @ np.eye(len(_AXES))[axis]
        axis = (score + _EASE * agreement).argmax(axis=1)
    return axis.astype(np.int64)


def _neighbours(edges: InnerEdges) -> csr_array:
    """Each triangle's neighbours, weighted by the share of the edge in its inner outline."""
    a, b = edges.triangles.T
    shape = (edges.triangle_count, edges.triangle_count)
    lengths = coo_array((np.r_[edges.lengths, edges.lengths], (np.r_[a, b], np.r_[b, a])), shape=shape).tocsr()
    return csr_array(lengths.multiply(1 / np.maximum(lengths.sum(axis=1), 1e-300)[:, None]))


def smoothed_normals(mesh: Mesh, edges: InnerEdges) -> Float64[np.ndarray, "triangles 3"]:
    """Unit normals averaged over a few rings, so that fine relief does not break charts up."""
    smooth, beside = unit_vectors(face_vectors(mesh)), _neighbours(edges)
    for _ in range(_RINGS):
        smooth = unit_vectors(smooth + beside @ smooth)
    return smooth


def box_joined(edges: InnerEdges, axis: Int64[np.ndarray, " triangles"]) -> Bool[np.ndarray, " edges"]:
    """Which edges lie inside a chart: those between triangles of one axis."""
    return axis[edges.triangles[:, 0]] == axis[edges.triangles[:, 1]]


def box_corners(mesh: Mesh, axis: Int64[np.ndarray, " triangles"]) -> Float64[np.ndarray, "triangles 3 2"]:
    """Each triangle's corners projected along its axis; counter-clockwise, y up, metres."""
    across = _SIDEWAYS[axis]
    up = np.cross(_AXES[axis], across)
    corners = mesh.positions[mesh.triangles].astype(np.float64)
    return np.stack([np.einsum("tkc,tc->tk", corners, across), np.einsum("tkc,tc->tk", corners, up)], axis=-1)
