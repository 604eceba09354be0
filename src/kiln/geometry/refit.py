"""A coarse mesh's points moved out to where its flat triangles lie nearest to the surface they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy import sparse
from scipy.sparse.linalg import spsolve

from kiln.asset import Mesh
from kiln.geometry.deviation import surface_points
from kiln.geometry.distance import nearest_to
from kiln.geometry.vectors import face_vectors, unit_vectors
from kiln.geometry.weld import weld_classes

_REST = 0.1
"""Weight of staying, as a share of a point's mean weight in the fit; from 0.01 to 0.3 it hardly matters."""

_LEAST_COSINE = 0.5
"""A triangle may turn by 60 degrees: those of the coarsest LODs do, where a whole finger is a few of them."""

_ROUNDS = 4
"""Of keeping points in place, which turns their other triangles; if that does not end, nothing is moved."""


def refit(mesh: Mesh, lod: Mesh, *, along: Float32[np.ndarray, "lod_vertices 3"]) -> Mesh:
    """The LOD with each point moved along its direction (unit, e.g. the mesh's own smooth normal there), UVs and all else as they were.

    Triangles between points of a curved surface are chords: all of them lie inside. Least squares over points of the mesh and where the
    LOD is nearest to them (Hoppe et al. 1993, one step) bring the surface to lie about it: a quarter less deviation. More steps, and
    weights that heed the farthest points more, made the farthest worse. A point moves at most as far as the surface was off around it
    (without that limit the tips of ears flew off); triangles that would turn keep their points in place.
    """
    point, count = weld_classes(lod.positions)
    nearest = nearest_to(lod, samples := surface_points(mesh))
    normals = unit_vectors(face_vectors(lod))[nearest.triangle]
    feet = np.einsum("nk,nkx->nx", nearest.bary, lod.positions.astype(np.float64)[lod.triangles[nearest.triangle]])
    off = np.einsum("nx,nx->n", samples - feet, normals)
    ways = _ways(along, point, count)
    corners = point[lod.triangles[nearest.triangle]]
    shares = nearest.bary * np.einsum("nkx,nx->nk", ways[corners], normals)
    steps = _least_squares(shares, corners, off, count)
    most = np.zeros(count)
    np.maximum.at(most, corners, np.abs(off)[:, None])
    return _moved(lod, point, (np.clip(steps, -most, most)[:, None] * ways)[point])


def _ways(along: Float32[np.ndarray, "vertices 3"], point: Int64[np.ndarray, " vertices"], count: int) -> Float64[np.ndarray, "points 3"]:
    """One direction a point, so that seams do not open."""
    ways = np.zeros((count, 3))
    np.add.at(ways, point, along.astype(np.float64))
    return unit_vectors(ways)


def _least_squares(
    shares: Float64[np.ndarray, "n 3"], corners: Int64[np.ndarray, "n 3"], off: Float64[np.ndarray, " n"], count: int
) -> Float64[np.ndarray, " points"]:
    """The steps that bring the least sum of squares of off - shares . steps[corners]."""
    rows = np.repeat(np.arange(len(off)), 3)
    system = sparse.csr_matrix((shares.reshape(-1), (rows, corners.reshape(-1))), shape=(len(off), count))
    normal = system.T @ system
    rest = _REST * max(float(normal.diagonal().mean()), 1e-300)
    return np.asarray(spsolve((normal + rest * sparse.eye(count)).tocsc(), system.T @ off))


def _moved(lod: Mesh, point: Int64[np.ndarray, " vertices"], shift: Float64[np.ndarray, "vertices 3"]) -> Mesh:
    """The LOD with its vertices shifted, but for those of triangles that would turn."""
    before = unit_vectors(face_vectors(lod))
    for _ in range(_ROUNDS):
        moved = replace(lod, positions=(lod.positions + shift).astype(np.float32))
        turned = np.einsum("nx,nx->n", before, unit_vectors(face_vectors(moved))) < _LEAST_COSINE
        if not turned.any():
            return moved
        shift[np.isin(point, point[lod.triangles[turned]])] = 0
    return lod
