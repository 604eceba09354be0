"""A mesh's surface as a graph: means over neighbours, and distances along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from kiln.asset import Mesh


@dataclass(frozen=True, eq=False, kw_only=True)
class Skin:
    """The neighbours of each vertex of a closed mesh with one vertex a point."""

    mesh: Mesh
    edges: csr_matrix
    """1 where two vertices share an edge."""

    @classmethod
    def of(cls, mesh: Mesh) -> Skin:
        """Every edge of a closed mesh lies in two triangles, once in each direction, so no sum or sort over duplicates is needed."""
        starts, ends = mesh.triangles.ravel(), np.roll(mesh.triangles, -1, axis=1).ravel()
        count = mesh.vertex_count
        edges = csr_matrix((np.ones(len(starts), np.float32), (starts.astype(np.int32), ends.astype(np.int32))), (count, count))
        return cls(mesh=mesh, edges=edges)

    def smoothed(self, values: np.ndarray, *, rounds: int) -> np.ndarray:
        """The values after `rounds` times the mean of each vertex and its neighbours."""
        share = np.float32(1) / (1 + np.diff(self.edges.indptr)).astype(np.float32)
        share = share.reshape((-1,) + (1,) * (values.ndim - 1))
        for _ in range(rounds):
            values = (values + self.edges @ values) * share
        return values

    def distance(self, sources: Bool[np.ndarray, " vertices"]) -> Float32[np.ndarray, " vertices"]:
        """Metres along edges to the nearest source vertex (Dijkstra); a little more than along the surface. Without a source, zero."""
        far = np.flatnonzero(~sources)
        if not len(far) or len(far) == len(sources):
            return np.zeros(len(sources), np.float32)
        shore = self.edges @ sources.astype(np.float32) > 0
        kept = np.flatnonzero(~sources | shore)
        part = self.edges[kept][:, kept].tocoo()
        points = self.mesh.positions[kept]
        lengths = np.linalg.norm(points[part.row] - points[part.col], axis=1)
        graph = csr_matrix((lengths, (part.row, part.col)), part.shape)
        found = dijkstra(graph, indices=np.flatnonzero(sources[kept]), min_only=True)
        out = np.zeros(len(sources), np.float32)
        out[kept] = np.where(np.isfinite(found), found, 0)
        return out
