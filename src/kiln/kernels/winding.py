"""Generalized winding numbers of points about triangles, by a tree."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled

_FAR = 2.0
"""A node is seen as one dipole from this many of its radii away (Barill et al. 2018, beta): winding numbers are then off by up to 0.03."""

_DEPTH = 64


@compiled
def _solid_angle(p: np.ndarray, corners: np.ndarray) -> float:
    """Signed solid angle of a triangle seen from p, as a share of half the sphere (Van Oosterom and Strackee 1983)."""
    ax, ay, az = corners[0, 0] - p[0], corners[0, 1] - p[1], corners[0, 2] - p[2]
    bx, by, bz = corners[1, 0] - p[0], corners[1, 1] - p[1], corners[1, 2] - p[2]
    cx, cy, cz = corners[2, 0] - p[0], corners[2, 1] - p[1], corners[2, 2] - p[2]
    a, b, c = np.sqrt(ax * ax + ay * ay + az * az), np.sqrt(bx * bx + by * by + bz * bz), np.sqrt(cx * cx + cy * cy + cz * cz)
    volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    cosines = a * b * c + (ax * bx + ay * by + az * bz) * c + (bx * cx + by * cy + bz * cz) * a + (cx * ax + cy * ay + cz * az) * b
    return np.arctan2(volume, cosines) / (2 * np.pi)


@compiled
def _dipole(row: np.ndarray, p: np.ndarray) -> float:
    """Winding number of a small patch, given as middle and vector area, about a point far from it, times 4 pi."""
    dx, dy, dz = row[0] - p[0], row[1] - p[1], row[2] - p[2]
    square = dx * dx + dy * dy + dz * dz
    return (dx * row[3] + dy * row[4] + dz * row[5]) / (square * np.sqrt(square))


@compiled
def wind_around(nodes: np.ndarray, corners: np.ndarray, points: np.ndarray, out: np.ndarray, first: int, last: int) -> None:
    """Write the winding numbers out[first:last] float32 of points (N, 3) float64; nodes and corners as `build_tree` has them.

    Of a dense mesh 240 nodes are seen as dipoles and 50 triangles exactly. (Points that shared their way through the tree in groups of
    four or eight took longer: the group as a whole is near to more.)
    """
    leaves = (len(nodes) + 1) // 2
    stack = np.empty(_DEPTH, np.int64)
    for row in range(first, last):
        p, seen, exact = points[row], 0.0, 0.0
        stack[0], depth = 0, 1
        while depth > 0:
            depth -= 1
            i = stack[depth]
            square = (nodes[i, 6] - p[0]) ** 2 + (nodes[i, 7] - p[1]) ** 2 + (nodes[i, 8] - p[2]) ** 2
            if square > (_FAR * nodes[i, 12]) ** 2:
                seen += _dipole(nodes[i, 6:12], p)
            elif i < leaves - 1:
                stack[depth], stack[depth + 1] = 2 * i + 1, 2 * i + 2
                depth += 2
            else:
                leaf = i - leaves + 1
                for t in range(leaf * len(corners) // leaves, (leaf + 1) * len(corners) // leaves):
                    exact += _solid_angle(p, corners[t])
        out[row] = seen / (4 * np.pi) + exact
