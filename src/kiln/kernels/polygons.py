"""Polygons to triangles."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled

_MOST_CORNERS = 512
"""Ear clipping takes time with the square of the corners; larger polygons become fans."""


@compiled
def _turn(flat: np.ndarray, a: int, b: int, c: int) -> float:
    """Twice the signed area of a flat triangle."""
    return (flat[b, 0] - flat[a, 0]) * (flat[c, 1] - flat[a, 1]) - (flat[b, 1] - flat[a, 1]) * (flat[c, 0] - flat[a, 0])


@compiled
def _flatten(positions: np.ndarray, corners: np.ndarray, flat: np.ndarray) -> None:
    """Project a polygon along the largest axis of its Newell normal, so that it winds counter-clockwise."""
    normal = np.zeros(3)
    for i in range(len(corners)):
        p, q = positions[corners[i]], positions[corners[(i + 1) % len(corners)]]
        for axis in range(3):
            j, k = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (p[j] - q[j]) * (p[k] + q[k])
    axis = 0
    for k in range(1, 3):
        if abs(normal[k]) > abs(normal[axis]):
            axis = k
    u, v = (axis + 1) % 3, (axis + 2) % 3
    if normal[axis] < 0:
        u, v = v, u
    for i in range(len(corners)):
        flat[i, 0], flat[i, 1] = positions[corners[i], u], positions[corners[i], v]


@compiled
def _is_ear(flat: np.ndarray, ring: np.ndarray, count: int, i: int) -> bool:
    """Whether corner i of the ring is convex and no other corner lies in its triangle."""
    a, b, c = ring[(i + count - 1) % count], ring[i], ring[(i + 1) % count]
    if not _turn(flat, a, b, c) > 0:
        return False
    for j in range(count):
        p = ring[j]
        if p in (a, b, c):
            continue
        if _turn(flat, a, b, p) >= 0 and _turn(flat, b, c, p) >= 0 and _turn(flat, c, a, p) >= 0:
            return False
    return True


@compiled
def clip_ears(positions: np.ndarray, sizes: np.ndarray, corners: np.ndarray, triangles: np.ndarray) -> None:
    """Fill triangles (T, 3) int64 with corner numbers, size - 2 a polygon in order (Meisters 1975); convex polygons become fans.

    positions (V, 3) float64; sizes (F,) int64, each at least 3; corners (C,) int64: the vertex at each corner, polygon after polygon.
    """
    start, written = 0, 0
    for f in range(len(sizes)):
        count = sizes[f]
        ring = np.arange(count)
        if 3 < count <= _MOST_CORNERS:
            flat = np.empty((count, 2))
            _flatten(positions, corners[start : start + count], flat)
            while count > 3:
                ear = 1
                for i in range(count):
                    if _is_ear(flat, ring, count, (i + 1) % count):
                        ear = (i + 1) % count
                        break
                triangles[written] = (
                    start + ring[(ear + count - 1) % count],
                    start + ring[ear],
                    start + ring[(ear + 1) % count],
                )
                written += 1
                count -= 1
                for j in range(ear, count):
                    ring[j] = ring[j + 1]
        for k in range(count - 2):
            triangles[written] = (start + ring[0], start + ring[k + 1], start + ring[k + 2])
            written += 1
        start += sizes[f]
