"""Edges, twins and components of triangles over welded points.

Half-edge h = 3 t + k runs from corner k of triangle t to its next corner.
"""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled

OPEN = -1
NON_MANIFOLD = -2

_MOST_CROWDED = 64
"""Triangles at one edge beyond this many are not paired: real meshes have three to six, and pairing takes the third power of them."""


@compiled
def sort_half_edges(triangles: np.ndarray, ends: np.ndarray, order: np.ndarray, scratch: np.ndarray) -> None:
    """Fill order (3F,) int32 with the half-edges sorted by (lower point, higher point, half-edge).

    triangles (F, 3) int32 of points; ends (P + 1,) int64 and scratch (3F,) int32 are written. Two counting sorts, so a point of any
    degree costs no more than others: 1.5M half-edges take 45 ms where np.lexsort takes 300.
    """
    half_edges = 3 * len(triangles)
    for higher in (True, False):
        ends[:] = 0
        for h in range(half_edges):
            a, b = triangles[h // 3, h % 3], triangles[h // 3, (h + 1) % 3]
            ends[(max(a, b) if higher else min(a, b)) + 1] += 1
        for p in range(1, len(ends)):
            ends[p] += ends[p - 1]
        for i in range(half_edges):
            h = i if higher else int(scratch[i])
            a, b = triangles[h // 3, h % 3], triangles[h // 3, (h + 1) % 3]
            key = max(a, b) if higher else min(a, b)
            if higher:
                scratch[ends[key]] = h
            else:
                order[ends[key]] = h
            ends[key] += 1


@compiled
def pair_half_edges(triangles: np.ndarray, order: np.ndarray, twins: np.ndarray, counts: np.ndarray) -> None:
    """Find each half-edge's twin across its edge, given half-edges sorted by edge.

    twins (3F,) int32 is written: the other half-edge of an edge with two triangles, OPEN, or NON_MANIFOLD. counts (4,) int64 is written:
    edges, open edges, edges of more than two triangles, and edges whose two triangles run the same way.
    """
    counts[:] = 0
    first = 0
    while first < len(order):
        h = order[first]
        a, b = triangles[h // 3, h % 3], triangles[h // 3, (h + 1) % 3]
        last = first + 1
        same_way = 0
        while last < len(order):
            g = order[last]
            c, d = triangles[g // 3, g % 3], triangles[g // 3, (g + 1) % 3]
            if min(a, b) != min(c, d) or max(a, b) != max(c, d):
                break
            same_way += 1 if a == c else 0
            last += 1
        counts[0] += 1
        if last - first == 1:
            counts[1] += 1
            twins[h] = OPEN
        elif last - first == 2:
            counts[3] += same_way
            twins[h], twins[order[first + 1]] = order[first + 1], h
        else:
            counts[2] += 1
            for i in range(first, last):
                twins[order[i]] = NON_MANIFOLD
        first = last


@compiled
def _root(parents: np.ndarray, item: int) -> int:
    """The set's representative, halving the path on the way."""
    while parents[item] != item:
        parents[item] = parents[parents[item]]
        item = parents[item]
    return item


@compiled
def join_pairs(parents: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Union-find: make first[i] and second[i] one set, for all i. parents (N,) int32 starts as arange; the lower root wins."""
    for i in range(len(first)):
        a, b = _root(parents, first[i]), _root(parents, second[i])
        if a < b:
            parents[b] = a
        else:
            parents[a] = b


@compiled
def number_sets(parents: np.ndarray, labels: np.ndarray) -> int:
    """Number the sets of a union-find in order of their lowest member into labels (N,) int32; returns how many there are."""
    count = 0
    for i in range(len(parents)):
        root = _root(parents, i)
        if root == i:
            labels[i] = count
            count += 1
        else:
            labels[i] = labels[root]
    return count


@compiled
def _side(positions: np.ndarray, triangles: np.ndarray, h: int, axis: np.ndarray, side: np.ndarray) -> None:
    """The direction from half-edge h towards its triangle's third point, upright on the unit axis."""
    start, apex = triangles[h // 3, h % 3], triangles[h // 3, (h % 3 + 2) % 3]
    along = 0.0
    for k in range(3):
        side[k] = positions[apex, k] - positions[start, k]
        along += side[k] * axis[k]
    for k in range(3):
        side[k] -= along * axis[k]


@compiled
def _enclosed_angle(ours: np.ndarray, theirs: np.ndarray, axis: np.ndarray) -> float:
    """From a triangle that runs along the axis, through its back, to another one: 0 to 2 pi."""
    x, y, z = ours[1] * axis[2] - ours[2] * axis[1], ours[2] * axis[0] - ours[0] * axis[2], ours[0] * axis[1] - ours[1] * axis[0]
    angle = np.arctan2(x * theirs[0] + y * theirs[1] + z * theirs[2], ours[0] * theirs[0] + ours[1] * theirs[1] + ours[2] * theirs[2])
    return angle if angle >= 0 else angle + 2 * np.pi


@compiled
def pair_crowded(positions: np.ndarray, triangles: np.ndarray, crowded: np.ndarray, ends: np.ndarray, pairs: np.ndarray) -> int:
    """Pair opposite half-edges of each edge that has more than two triangles, narrowest enclosed angle first.

    positions (P, 3) float64; crowded (N,) int32 holds half-edges, those of edge i being crowded[ends[i]:ends[i + 1]], ends (E + 1,) int64;
    pairs (N, 2) int32 is written. Returns how many pairs there are.
    """
    count = 0
    axis, ours, theirs = np.empty(3), np.empty(3), np.empty(3)
    taken = np.zeros(len(crowded), np.bool_)
    for edge in range(len(ends) - 1):
        first = crowded[ends[edge]]
        start, stop = triangles[first // 3, first % 3], triangles[first // 3, (first % 3 + 1) % 3]
        for k in range(3):
            axis[k] = positions[stop, k] - positions[start, k]
        axis /= np.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2) + 1e-300
        while True:
            least, best_i, best_j = np.inf, -1, -1
            for i in range(ends[edge], min(ends[edge + 1], ends[edge] + _MOST_CROWDED)):
                if taken[i] or triangles[crowded[i] // 3, crowded[i] % 3] != start:
                    continue
                _side(positions, triangles, crowded[i], axis, ours)
                for j in range(ends[edge], min(ends[edge + 1], ends[edge] + _MOST_CROWDED)):
                    if taken[j] or triangles[crowded[j] // 3, crowded[j] % 3] == start:
                        continue
                    _side(positions, triangles, crowded[j], axis, theirs)
                    angle = _enclosed_angle(ours, theirs, axis)
                    if angle < least:
                        least, best_i, best_j = angle, i, j
            if best_i < 0:
                break
            taken[best_i] = taken[best_j] = True
            pairs[count, 0], pairs[count, 1] = crowded[best_i], crowded[best_j]
            count += 1
    return count


@compiled
def measure_areas(positions: np.ndarray, triangles: np.ndarray, areas: np.ndarray) -> None:
    """Fill areas (F,) float64 from positions (P, 3) float32 and triangles (F, 3) uint32."""
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = np.float64(positions[a, 0]), np.float64(positions[a, 1]), np.float64(positions[a, 2])
        ux, uy, uz = positions[b, 0] - ax, positions[b, 1] - ay, positions[b, 2] - az
        vx, vy, vz = positions[c, 0] - ax, positions[c, 1] - ay, positions[c, 2] - az
        areas[t] = np.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2) / 2


@compiled
def sort_corners(triangles: np.ndarray, rows: np.ndarray) -> None:
    """Fill rows (F, 3) int32 with each triangle's points (F, 3) int32, lowest first."""
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        low, high = min(a, b, c), max(a, b, c)
        rows[t, 0], rows[t, 1], rows[t, 2] = low, a + b + c - low - high, high
