"""Hole boundaries, and triangles across them."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def trace_loops(starts: np.ndarray, stops: np.ndarray, by_stop: np.ndarray, loops: np.ndarray, ends: np.ndarray) -> int:
    """Chain open half-edges backwards into closed loops, as a patch over the hole would run along them.

    starts and stops (3F,) int32 are each half-edge's points; by_stop (P,) int32 holds the open half-edge that reaches each point, or -1;
    its entries are used up. loops (N,) int32, N open half-edges, and ends (N + 1,) int64 are written: loop i is loops[ends[i]:ends[i + 1]].
    Chains that do not close are left out. Returns the number of loops.
    """
    count, written = 0, 0
    ends[0] = 0
    for point in range(len(by_stop)):
        first = by_stop[point]
        if first < 0:
            continue
        place, h = written, first
        while h >= 0:
            by_stop[stops[h]] = -1
            loops[place] = h
            place += 1
            if starts[h] == point:
                written = place
                count += 1
                ends[count] = written
                break
            h = by_stop[starts[h]]
    return count


@compiled
def _double_area(points: np.ndarray, i: int, j: int, k: int) -> float:
    """Twice the area of the triangle of three points."""
    ux, uy, uz = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
    vx, vy, vz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
    return np.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2)


@compiled
def triangulate_loop(points: np.ndarray, triangles: np.ndarray) -> None:
    """The triangulation of least area of a closed polygon in space (Barequet and Sharir 1995), by dynamic programming in n^3 / 6 steps.

    points (n, 3) float64; triangles (n - 2, 3) int32 indices into points, written, winding as the polygon does.
    """
    n = len(points)
    least = np.zeros((n, n))
    split = np.zeros((n, n), np.int32)
    for span in range(2, n):
        for i in range(n - span):
            k = i + span
            least[i, k] = np.inf
            for j in range(i + 1, k):
                area = least[i, j] + least[j, k] + _double_area(points, i, j, k)
                if area < least[i, k]:
                    least[i, k], split[i, k] = area, j
    stack = np.empty((n, 2), np.int32)
    stack[0, 0], stack[0, 1] = 0, n - 1
    depth, written = 1, 0
    while depth > 0:
        depth -= 1
        i, k = stack[depth, 0], stack[depth, 1]
        if k - i < 2:
            continue
        j = split[i, k]
        triangles[written, 0], triangles[written, 1], triangles[written, 2] = i, j, k
        written += 1
        stack[depth, 0], stack[depth, 1] = i, j
        stack[depth + 1, 0], stack[depth + 1, 1] = j, k
        depth += 2


@compiled
def triangulate_loops(points: np.ndarray, ends: np.ndarray, triangles: np.ndarray) -> None:
    """Triangulate polygons points[ends[i]:ends[i + 1]] one after the other; triangles index points, polygon i's begin at ends[i] - 2 i."""
    for i in range(len(ends) - 1):
        first, last = ends[i], ends[i + 1]
        own = triangles[first - 2 * i : last - 2 * i - 2]
        triangulate_loop(points[first:last], own)
        own += first
