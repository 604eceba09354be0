"""Distances to triangles at the grid points around them."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled
from kiln.kernels.triangle_tree import nearest_on_triangle

_LONGEST = 4.0
"""Cells that a piece of a triangle may span: the box around a large slanted one would hold most of the grid."""

_STACK = 128


@compiled
def _spread(piece: np.ndarray, reach: float, distance: np.ndarray, first: int, last: int) -> None:
    """Lower the distances at the grid points around one triangle, in the layers first to last."""
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for k in range(3):
        low[k] = int(max(np.ceil(piece[:, k].min() - reach), first if k == 0 else 0))
        high[k] = int(min(np.floor(piece[:, k].max() + reach) + 1, last if k == 0 else distance.shape[k]))
    p = np.empty(3)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                p[0], p[1], p[2] = i, j, k
                square, _, _ = nearest_on_triangle(p, piece[0], piece[1], piece[2])
                if square <= reach * reach and square < distance[i, j, k] ** 2:
                    distance[i, j, k] = np.sqrt(square)


@compiled
def spread_distances(corners: np.ndarray, reach: float, distance: np.ndarray, first: int, last: int) -> None:
    """Lower distance (X, Y, Z) float32 to the nearest triangle's where that is within reach, in the layers first <= x < last.

    corners (F, 3, 3) float64 and reach are in cells, grid points lie at whole numbers. Large triangles are cut in four until small.
    """
    stack = np.empty((_STACK, 3, 3))
    for t in range(len(corners)):
        stack[0], depth = corners[t], 1
        while depth > 0:
            depth -= 1
            piece = stack[depth].copy()
            if piece[:, 0].max() + reach < first or piece[:, 0].min() - reach >= last:
                continue
            longest = 0.0
            for k in range(3):
                longest = max(longest, piece[:, k].max() - piece[:, k].min())
            if longest <= _LONGEST or depth + 4 > _STACK:
                _spread(piece, reach, distance, first, last)
                continue
            middles = np.empty((3, 3))
            for k in range(3):
                middles[k] = (piece[k] + piece[(k + 1) % 3]) / 2
            for k in range(3):
                stack[depth + k, 0] = piece[k]
                stack[depth + k, 1] = middles[k]
                stack[depth + k, 2] = middles[(k + 2) % 3]
            stack[depth + 3] = middles
            depth += 4
