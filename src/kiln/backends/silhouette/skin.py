"""A mesh's surface as a graph: means over neighbours, and distances along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
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

    def nearest(
        self, sources: Bool[np.ndarray, " vertices"], *, within: Bool[np.ndarray, " vertices"] | None = None
    ) -> tuple[Float32[np.ndarray, " vertices"], Int64[np.ndarray, " vertices"]]:
        """Metres along edges to the nearest source (Dijkstra; a little more than along the surface), and which vertex that is.

        A vertex that is not `within` (None: all are), or that no source can be reached from, is its own, at distance 0.
        """
        distance, source = np.zeros(len(sources), np.float32), np.arange(len(sources))
        others = ~sources if within is None else ~sources & within
        shore = self.edges @ others.astype(np.float32) > 0
        kept = np.flatnonzero(others | (sources & shore))
        starts = np.flatnonzero(sources[kept])
        if not len(starts) or sources.all():
            return distance, source
        part = self.edges[kept][:, kept].tocoo()
        points = self.mesh.positions[kept]
        lengths = np.linalg.norm(points[part.row] - points[part.col], axis=1)
        graph = csr_matrix((lengths, (part.row, part.col)), part.shape)
        found, _, root = dijkstra(graph, indices=starts, min_only=True, return_predecessors=True)
        reached = np.isfinite(found)
        distance[kept[reached]] = found[reached]
        source[kept[reached]] = kept[root[reached]]
        return distance, source
