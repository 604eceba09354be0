"""Marching cubes over a grid of signs, layer by layer."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def corners_at(inside: np.ndarray, i: int, j: int, k: int) -> np.int64:
    """The case bits of a cell's four corners at height k: (i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)."""
    low = np.int64(inside[i, j, k]) + 2 * np.int64(inside[i + 1, j, k])
    return low + 4 * np.int64(inside[i, j + 1, k]) + 8 * np.int64(inside[i + 1, j + 1, k])


@compiled
def span_around(spans: np.ndarray, i: int, j: int) -> tuple[int, int]:
    """First z at which an edge or a cell that starts at (i, j) can be crossed, and the last; the first is greater where none can.

    spans (X, Y, 2) int32: first and last z that is inside, Z and -1 where none is.
    """
    low, high = spans[i, j, 0], spans[i, j, 1]
    for a in range(i, min(i + 2, spans.shape[0])):
        for b in range(j, min(j + 2, spans.shape[1])):
            low, high = min(low, spans[a, b, 0]), max(high, spans[a, b, 1])
    return max(low - 1, 0), high


@compiled
def number_layer(inside: np.ndarray, spans: np.ndarray, i: int, start: int, index: np.ndarray) -> int:
    """Number the crossed grid edges that start at the points of layer i, from `start` on; returns the next free number.

    inside (X, Y, Z) uint8; spans as in `span_around`; index (3, Y, Z) int32: index[a, j, k] is written where the edge from (i, j, k) along
    axis a is crossed, and left alone elsewhere.
    """
    size_x, size_y, size_z = inside.shape
    for j in range(size_y):
        low, high = span_around(spans, i, j)
        for k in range(low, high + 1):
            here = inside[i, j, k]
            if i + 1 < size_x and inside[i + 1, j, k] != here:
                index[0, j, k] = start
                start += 1
            if j + 1 < size_y and inside[i, j + 1, k] != here:
                index[1, j, k] = start
                start += 1
            if k + 1 < size_z and inside[i, j, k + 1] != here:
                index[2, j, k] = start
                start += 1
    return start


@compiled
def count_layers(
    inside: np.ndarray, spans: np.ndarray, loop_triangles: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, first: int, last: int
) -> None:
    """Write how many vertices and triangles the layers first <= i < last give: vertices (X,) int64, triangles (X,) int64.

    loop_triangles (256,) int64 is the number of triangles of each case; the case of a cell has bit x + 2 y + 4 z set where that corner is
    inside. The last layer has points but no cells.
    """
    size_x, size_y, size_z = inside.shape
    index = np.empty((3, size_y, size_z), np.int32)
    for i in range(first, last):
        vertices[i] = number_layer(inside, spans, i, 0, index)
        triangles[i] = 0
        if i + 1 == size_x:
            continue
        for j in range(size_y - 1):
            low, high = span_around(spans, i, j)
            upper = np.int64(0)
            for k in range(low - 1, min(high + 1, size_z - 1)):
                lower, upper = upper, corners_at(inside, i, j, k + 1)
                if k >= 0:
                    triangles[i] += loop_triangles[lower + 16 * upper]


@compiled
def place_vertices(
    field: np.ndarray, spans: np.ndarray, i: int, start: int, origin: np.ndarray, spacing: np.ndarray, margin: float, positions: np.ndarray
) -> None:
    """Write positions[start:] (V, 3) float32 of the crossings that `number_layer` numbers in layer i, in the same order.

    field (X, Y, Z) float32, inside where > 0. A crossing keeps `margin` (of an edge's length) away from both ends.
    """
    size_x, size_y, size_z = field.shape
    for j in range(size_y):
        low, high = span_around(spans, i, j)
        for k in range(low, high + 1):
            here = field[i, j, k]
            for axis in range(3):
                i1, j1, k1 = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                if i1 == size_x or j1 == size_y or k1 == size_z:
                    continue
                there = field[i1, j1, k1]
                if (here > 0) == (there > 0):
                    continue
                share = min(max(here / (here - there), margin), 1 - margin)
                positions[start, 0] = origin[0] + spacing[0] * (i + (share if axis == 0 else 0.0))
                positions[start, 1] = origin[1] + spacing[1] * (j + (share if axis == 1 else 0.0))
                positions[start, 2] = origin[2] + spacing[2] * (k + (share if axis == 2 else 0.0))
                start += 1


@compiled
def connect_layers(
    inside: np.ndarray,
    spans: np.ndarray,
    loop_triangles: np.ndarray,
    loops: np.ndarray,
    vertex_starts: np.ndarray,
    triangle_starts: np.ndarray,
    triangles: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the triangles (F, 3) uint32 of the cell layers first <= i < last.

    loops (256, T, 3, 4) uint8: for each case, triangle and corner the crossed edge as (axis, dx, dy, dz of the point it starts at);
    vertex_starts and triangle_starts (X,) int64: the number of each layer's first.
    """
    _, size_y, size_z = inside.shape
    index = np.empty((2, 3, size_y, size_z), np.int32)
    number_layer(inside, spans, first, vertex_starts[first], index[first & 1])
    for i in range(first, last):
        number_layer(inside, spans, i + 1, vertex_starts[i + 1], index[(i + 1) & 1])
        t = triangle_starts[i]
        for j in range(size_y - 1):
            low, high = span_around(spans, i, j)
            upper = np.int64(0)
            for k in range(low - 1, min(high + 1, size_z - 1)):
                lower, upper = upper, corners_at(inside, i, j, k + 1)
                case = lower + 16 * upper
                if k < 0 or case == 0 or case == 255:
                    continue
                for n in range(loop_triangles[case]):
                    for corner in range(3):
                        axis, dx, dy, dz = loops[case, n, corner]
                        triangles[t, corner] = index[(i + dx) & 1, axis, j + dy, k + dz]
                    t += 1
