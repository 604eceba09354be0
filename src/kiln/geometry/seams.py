"""Where a mesh is cut open: its inner edges, which of them are joined, and the charts and chart vertices that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.weld import weld_classes
from kiln.kernels.topology import join_pairs, number_sets


@dataclass(frozen=True, eq=False, kw_only=True)
class InnerEdges:
    """The edges that two triangles share, on vertices welded by position. A corner is 3 * triangle + k."""

    triangles: Int64[np.ndarray, "edges 2"]
    """The triangles on both sides."""

    corners: Int64[np.ndarray, "edges 2 2"]
    """[edge, end, side]: the corner of each side's triangle at each end."""

    points: Int64[np.ndarray, "edges 2"]
    """The welded points at both ends."""

    lengths: Float64[np.ndarray, " edges"]
    """Metres."""

    triangle_count: int

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def charts(self, joined: Bool[np.ndarray, " edges"]) -> Int64[np.ndarray, " triangles"]:
        """The chart of each triangle when these edges are joined and all others cut."""
        return connected_classes(self.triangles[joined], self.triangle_count)

    def chart_vertices(self, joined: Bool[np.ndarray, " edges"]) -> Int64[np.ndarray, " corners"]:
        """The chart vertex of each corner."""
        return connected_classes(self.corners[joined].reshape(-1, 2), 3 * self.triangle_count)


def connected_classes(pairs: Int64[np.ndarray, "pairs 2"], count: int) -> Int64[np.ndarray, " count"]:
    """The connected class of each of count nodes that these pairs join, numbered in order of their lowest node."""
    narrow = pairs.astype(np.int32)
    parents, labels = np.arange(count, dtype=np.int32), np.empty(count, np.int32)
    join_pairs(parents, *np.ascontiguousarray(narrow.T))
    number_sets(parents, labels)
    return labels.astype(np.int64)


def inner_edges(mesh: Mesh) -> InnerEdges:
    """The mesh's edges between exactly two triangles that wind the same way; all others are cut whatever happens."""
    point, count = weld_classes(mesh.positions)
    origin = point[mesh.triangles].reshape(-1)
    after = np.arange(len(origin)).reshape(-1, 3)[:, [1, 2, 0]].reshape(-1)
    target = origin[after]
    key = np.minimum(origin, target) * count + np.maximum(origin, target)
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(key[order]) > 0])
    pair = first[np.diff(np.r_[first, len(order)]) == 2]
    one, other = order[pair], order[pair + 1]
    sound = (origin[one] == target[other]) & (origin[one] != target[one])
    one, other = one[sound], other[sound]
    corners = np.stack([np.stack([one, after[other]], 1), np.stack([after[one], other], 1)], axis=1)
    positions = mesh.positions[mesh.triangles].reshape(-1, 3).astype(np.float64)
    return InnerEdges(
        triangles=np.stack([one // 3, other // 3], 1),
        corners=corners,
        points=np.stack([origin[one], target[one]], 1),
        lengths=np.linalg.norm(positions[one] - positions[after[one]], axis=1),
        triangle_count=mesh.triangle_count,
    )
