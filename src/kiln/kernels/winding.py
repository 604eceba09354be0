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
def _split_by_distance(nodes: np.ndarray, middle: np.ndarray, radius: float, far: np.ndarray, near: np.ndarray) -> tuple[int, int]:
    """List the nodes that are far from a whole ball of points, as rows of middle and vector area, and the leaves that are not."""
    leaves = (len(nodes) + 1) // 2
    stack = np.empty(_DEPTH, np.int64)
    stack[0], depth, far_count, near_count = 0, 1, 0, 0
    while depth > 0:
        depth -= 1
        i = stack[depth]
        square = 0.0
        for k in range(3):
            square += (nodes[i, 6 + k] - middle[k]) ** 2
        if square > (_FAR * nodes[i, 12] + radius) ** 2:
            far[far_count] = nodes[i, 6:12]
            far_count += 1
        elif i >= leaves - 1:
            near[near_count] = i - leaves + 1
            near_count += 1
        else:
            stack[depth], stack[depth + 1] = 2 * i + 1, 2 * i + 2
            depth += 2
    return far_count, near_count


@compiled
def _dipole(row: np.ndarray, p: np.ndarray) -> float:
    """Winding number of a small patch, given as middle and vector area, about a point far from it, times 4 pi."""
    dx, dy, dz = row[0] - p[0], row[1] - p[1], row[2] - p[2]
    square = dx * dx + dy * dy + dz * dz
    return (dx * row[3] + dy * row[4] + dz * row[5]) / (square * np.sqrt(square))


@compiled
def wind_around(nodes: np.ndarray, corners: np.ndarray, points: np.ndarray, group: int, out: np.ndarray, first: int, last: int) -> None:
    """Write the winding numbers out (N,) float32 of points (N, 3) float64, for the groups first to last of `group` neighbouring points.

    nodes and corners as `build_tree` has them. The tree is walked once for each group; what is near to the group is looked at again point
    by point, which leaves 20 triangles of a dense mesh to be seen exactly.
    """
    leaves = (len(nodes) + 1) // 2
    far, near = np.empty((leaves, 6)), np.empty(leaves, np.int64)
    for g in range(first, last):
        rows = points[g * group : (g + 1) * group]
        middle, radius = np.zeros(3), 0.0
        for k in range(3):
            middle[k] = (rows[:, k].min() + rows[:, k].max()) / 2
            radius += (rows[:, k].max() - middle[k]) ** 2
        far_count, near_count = _split_by_distance(nodes, middle, np.sqrt(radius), far, near)
        for row in range(len(rows)):
            p, seen, exact = rows[row], 0.0, 0.0
            for i in range(far_count):
                seen += _dipole(far[i], p)
            for i in range(near_count):
                node = nodes[near[i] + leaves - 1]
                square = (node[6] - p[0]) ** 2 + (node[7] - p[1]) ** 2 + (node[8] - p[2]) ** 2
                if square > (_FAR * node[12]) ** 2:
                    seen += _dipole(node[6:12], p)
                    continue
                for t in range(near[i] * len(corners) // leaves, (near[i] + 1) * len(corners) // leaves):
                    exact += _solid_angle(p, corners[t])
            out[g * group + row] = seen / (4 * np.pi) + exact
