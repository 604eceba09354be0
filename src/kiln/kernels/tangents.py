"""MikkTSpace's connectivity: which corner lies across each edge, and which corners share a tangent."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def link_edges(points: np.ndarray, sound: np.ndarray, across: np.ndarray, head: np.ndarray, following: np.ndarray) -> None:
    """For each corner, the corner that starts the same edge seen from the other side, or -1.

    points (F, 3) int64: which point each corner lies on; sound (F,) bool: triangles to link; across (3F,) int64 filled with -1 is
    written; head (power of two >= 3F,) and following (3F,) int64, both filled with -1, are scratch. Edge k of a triangle leads from its
    corner k to k + 1. Where more than two triangles share an edge, each takes the first free one in triangle order, as MikkTSpace does.
    """
    mask = np.uint64(len(head) - 1)
    for corner in range(3 * len(points)):
        t, k = corner // 3, corner % 3
        if not sound[t]:
            continue
        a, b = points[t, k], points[t, (k + 1) % 3]
        key = np.uint64(min(a, b)) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(max(a, b)) * np.uint64(0xC2B2AE3D27D4EB4F)
        slot = np.int64((key ^ (key >> np.uint64(31))) & mask)
        previous, other = -1, head[slot]
        while other >= 0 and (points[other // 3, other % 3] != b or points[other // 3, (other % 3 + 1) % 3] != a):
            previous, other = other, following[other]
        if other >= 0:
            across[corner], across[other] = other, corner
        # A linked edge leaves the slot's chain; an edge without partner waits at its end, so that the first comer is found first.
        entry = corner if other < 0 else following[other]
        if previous < 0:
            head[slot] = entry
        else:
            following[previous] = entry


@compiled
def group_corners(points: np.ndarray, orientation: np.ndarray, across: np.ndarray, group: np.ndarray, stack: np.ndarray) -> None:
    """The group of each corner: fans of triangles around one point, connected by edges, of one UV orientation.

    points (F, 3) int64; orientation (F,) int8: +1 or -1, or 0 for a triangle whose UVs have no area: it takes the orientation of the
    first group that reaches it, which is written. across (3F,) int64 from link_edges. group (3F,) int64 filled with -1 is written: the
    group's first corner, or -1 for a corner that no group reaches. stack (3F + 2,) int64 is scratch.
    """
    for seed in range(3 * len(points)):
        facing = orientation[seed // 3]
        if group[seed] >= 0 or facing == 0:
            continue
        point = points[seed // 3, seed % 3]
        stack[0], waiting = seed, 1
        while waiting > 0:
            waiting -= 1
            corner = stack[waiting]
            t, k = corner // 3, corner % 3
            if group[corner] >= 0 or orientation[t] == -facing:
                continue
            orientation[t] = facing
            group[corner] = seed
            # The neighbour across edge k is visited first, as in MikkTSpace: the order decides for triangles without UV area.
            for edge in (3 * t + (k + 2) % 3, corner):
                other = across[edge] // 3
                for j in range(3):
                    if across[edge] >= 0 and points[other, j] == point:
                        stack[waiting] = 3 * other + j
                        waiting += 1
