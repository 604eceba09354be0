"""How far each island of a game mesh must look for its source."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.topology import label_components
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import unit_vectors

FARTHEST = 0.1
"""Share of the mesh's diagonal beyond which nothing is looked for."""

NEAREST = 0.002
"""Share of the diagonal that every island looks at least."""

_MARGIN = 4.0
"""The cage reaches this many times as far as the triangles' centres need: between them the source may be farther away."""

_COUNTED = 0.99
"""Share of an island's triangles that must find the source within its need; the others may have none at all."""

_FEW = 32
"""Islands of fewer triangles than this say too little themselves: they look at least as far as the mesh's median triangle would."""


def island_reach(mesh: Mesh, normals: Float32[np.ndarray, "vertices 3"], source: Scene) -> Float32[np.ndarray, " triangles"]:
    """How far rays from each triangle must look for the source, out- and inwards, metres; one distance for all triangles of an island.

    Islands are what shares vertices, so a chart at most, and each gets four times what 99 % of its triangles' centres need, within 0.2 %
    and 10 % of the diagonal. One distance for all let a part that lies close to its source catch its neighbour where its own source has a
    gap, because another part lay far from its source.
    """
    need = _needs(mesh, normals, source)
    labels, count = label_components(mesh.triangles.astype(np.int32), point_count=mesh.vertex_count)
    island = _quantiles(need, labels, count)
    few = np.bincount(labels, minlength=count) < _FEW
    island[few] = np.maximum(island[few], np.median(need))
    reach = np.clip(_MARGIN * island, NEAREST * mesh.diagonal, FARTHEST * mesh.diagonal)
    return reach.astype(np.float32)[labels]


def _needs(mesh: Mesh, normals: Float32[np.ndarray, "vertices 3"], source: Scene) -> Float32[np.ndarray, " triangles"]:
    """Distance from each triangle's centre to the source along the normal, out- or inwards, metres."""
    centres = mesh.positions[mesh.triangles].mean(axis=1)
    directions = unit_vectors(normals[mesh.triangles].sum(axis=1))
    reach = np.float32(FARTHEST * mesh.diagonal)
    near = [source.closest(centres, way, max_distance=float(reach)) for way in (directions, -directions)]
    return np.minimum(*(np.where(hits.hit, hits.distance, reach) for hits in near))


def _quantiles(need: Float32[np.ndarray, " triangles"], labels: Int32[np.ndarray, " triangles"], count: int) -> np.ndarray:
    """The _COUNTED quantile of each label's values, the lower neighbour where it falls between two."""
    order = np.lexsort((need, labels))
    size = np.bincount(labels, minlength=count)
    first = np.cumsum(size) - size
    return need[order][first + np.floor(_COUNTED * (size - 1)).astype(np.int64)]
