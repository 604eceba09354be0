"""Taking surfaces apart where more than two triangles meet at an edge."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int32

from kiln.geometry.topology import Edges
from kiln.kernels.topology import NON_MANIFOLD, join_pairs, number_sets


def split_non_manifold(
    edges: Edges, positions: Float32[np.ndarray, "points 3"]
) -> tuple[Int32[np.ndarray, "triangles 3"], Int32[np.ndarray, " split"]]:
    """The same triangles over more points, so that sheets which merely touch come apart; and each new point's old one.

    At an edge of more than two triangles those that enclose the narrowest solid stay together; a triangle without a partner gets an open
    edge (cutting, then stitching: Guéziec et al. 2001). New points lie where the old ones lay.
    """
    first, second = _partners(edges, positions)
    opposite = edges.starts[first] == edges.stops[second]
    parents = np.arange(edges.triangles.size, dtype=np.int32)
    join_pairs(parents, first, np.where(opposite, _next_corner(second), second))
    join_pairs(parents, _next_corner(first), np.where(opposite, second, _next_corner(second)))
    labels = np.empty(len(parents), np.int32)
    origin = np.empty(number_sets(parents, labels), np.int32)
    origin[labels] = edges.starts
    return labels.reshape(-1, 3), origin


def _next_corner(corners: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    """The corner that each half-edge reaches."""
    return (corners - corners % 3 + (corners + 1) % 3).astype(np.int32)


def _partners(
    edges: Edges, positions: Float32[np.ndarray, "points 3"]
) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
    """Pairs of half-edges that belong together across an edge: twins, and at crowded edges the narrowest solids."""
    twinned = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    pairs = [np.stack([twinned, edges.twins[twinned]], axis=1)]
    crowded = edges.order[edges.twins[edges.order] == NON_MANIFOLD]
    low = np.minimum(edges.starts[crowded], edges.stops[crowded])
    high = np.maximum(edges.starts[crowded], edges.stops[crowded])
    borders = np.flatnonzero((np.diff(low) != 0) | (np.diff(high) != 0)) + 1
    if len(crowded):
        exact = positions.astype(np.float64)
        pairs += [_pair_by_angle(edges, exact, group) for group in np.split(crowded, borders)]
    joined = np.concatenate(pairs)
    return joined[:, 0], joined[:, 1]


def _pair_by_angle(
    edges: Edges, positions: Float64[np.ndarray, "points 3"], group: Int32[np.ndarray, " n"]
) -> Int32[np.ndarray, "pairs 2"]:
    """Pairs of opposite half-edges among those of one edge, narrowest enclosed angle first."""
    start = edges.starts[group[0]]
    forward, backward = group[edges.starts[group] == start], group[edges.starts[group] != start]
    if not len(backward):
        return np.empty((0, 2), np.int32)
    axis = positions[edges.stops[forward[0]]] - positions[start]
    axis /= max(float(np.linalg.norm(axis)), 1e-300)

    def sides(half_edges: Int32[np.ndarray, " m"]) -> Float64[np.ndarray, "m 3"]:
        apex = positions[edges.triangles[half_edges // 3, (half_edges % 3 + 2) % 3]] - positions[start]
        return apex - (apex @ axis)[:, None] * axis

    ours, theirs = sides(forward), sides(backward)
    inward = np.cross(ours, axis)  # behind a triangle that runs forward
    angles = np.arctan2(inward @ theirs.T, ours @ theirs.T) % (2 * np.pi)
    pairs = []
    for _ in range(min(angles.shape)):
        i, j = np.unravel_index(np.argmin(angles), angles.shape)
        pairs.append((forward[i], backward[j]))
        angles[i, :] = angles[:, j] = np.inf
    return np.array(pairs, np.int32)
