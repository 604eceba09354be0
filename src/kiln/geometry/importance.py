"""Who gets how many texels: what faces the front, a character's face, and what somebody marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.box_uv import smoothed_normals
from kiln.geometry.charts import Charts
from kiln.geometry.distance import nearest_to
from kiln.geometry.layout import Layout
from kiln.geometry.seams import InnerEdges

LEAST, MOST = 0.5, 3.0
"""Bounds of a chart's texel density, in times the usual one."""

_FRONT_COSINE = 0.5
"""A triangle faces the front when its normal, averaged over a few rings, is within 60 degrees of +Z; for a face 75 degrees are enough."""
_FACE_COSINE = 0.26

_HEAD = 0.2
"""Share of the height, from the top, in which a character's face lies: heads are an eighth of a man's height and a third of a toy's."""

_LEVEL = 1.5
"""Charts are cut where the wanted density changes by more than about this factor, so that one factor a chart does justice to all of it."""

_JUMP = 2.0
"""How many times denser a chart may be than its neighbour: beyond, the seam between them shows as sharp against blurred."""


def carried_importance(source: Mesh, mesh: Mesh) -> Mesh:
    """The mesh with the source's importance at the nearest point of its surface; as it is when it has its own or the source has none."""
    if source.importance is None or mesh.importance is not None:
        return mesh
    nearest = nearest_to(source, mesh.positions.astype(np.float64))
    importance = np.einsum("nk,nk->n", source.importance[source.triangles[nearest.triangle]], nearest.bary)
    return replace(mesh, importance=importance.astype(np.float32))


def wanted_detail(mesh: Mesh, edges: InnerEdges, *, front_weight: float, face_weight: float) -> Float64[np.ndarray, " triangles"] | None:
    """How many times the usual texels per metre each triangle should get, 0.5 to 3; None when all are alike.

    front_weight applies to what faces +Z, face_weight to what faces it in the top fifth of the height, and importance, where the mesh
    has it, to what was marked; they multiply.
    """
    if front_weight == face_weight == 1 and mesh.importance is None:
        return None
    detail = np.ones(mesh.triangle_count)
    if mesh.importance is not None:
        detail *= mesh.importance[mesh.triangles].mean(axis=1)
    facing = smoothed_normals(mesh, edges)[:, 2]
    detail[facing > _FRONT_COSINE] *= front_weight
    low, high = mesh.bounds
    top = mesh.positions[mesh.triangles, 1].mean(axis=1) > high[1] - _HEAD * (high[1] - low[1])
    detail[top & (facing > _FACE_COSINE)] *= face_weight
    detail = np.clip(detail, LEAST, MOST)
    return None if np.ptp(detail) == 0 else detail


def detail_levels(detail: Float64[np.ndarray, " triangles"]) -> Int64[np.ndarray, " triangles"]:
    """Steps of wanted detail: triangles of different steps do not share a chart."""
    return np.round(np.log(detail) / np.log(_LEVEL)).astype(np.int64)


def chart_detail(layout: Layout, detail: Float64[np.ndarray, " triangles"]) -> Float64[np.ndarray, " charts"]:
    """Each chart's factor: the mean over its area, raised where a neighbour's is more than twice as large."""
    everything = layout.everything()
    factor = everything.sums(everything.area * detail) / np.maximum(everything.sums(everything.area), 1e-300)
    pairs = everything.group[layout.edges.triangles]
    for _ in range(everything.count):
        before = factor.copy()
        for here, there in (pairs.T, pairs.T[::-1]):
            np.maximum.at(factor, here, before[there] / _JUMP)
        if (factor == before).all():
            break
    return np.clip(factor, LEAST, MOST)


def weighted(charts: Charts, factor: Float64[np.ndarray, " charts"]) -> Charts:
    """The charts, each this many times as large."""
    return replace(charts, points=charts.points * factor[charts.vertex_chart][:, None])
