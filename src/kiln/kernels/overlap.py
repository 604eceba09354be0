"""Charts that lie over themselves."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def count_overlaps(points: np.ndarray, triangles: np.ndarray, triangle_start: np.ndarray, overlaps: np.ndarray) -> None:
    """Fill overlaps[c] with the number of cells whose centre lies strictly inside two or more triangles of chart c.

    points (V, 2) float64 in cells, any origin; triangles (F, 3) uint32 sorted by chart, those of chart c being
    triangle_start[c]:triangle_start[c + 1]; overlaps (C,) int64. Triangles of either winding count.
    """
    for c in range(len(overlaps)):
        left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
        for t in range(triangle_start[c], triangle_start[c + 1]):
            for k in range(3):
                p = points[triangles[t, k]]
                left, right = min(left, np.floor(p[0])), max(right, p[0])
                top, bottom = min(top, np.floor(p[1])), max(bottom, p[1])
        if not right >= left:
            continue
        writers = np.zeros((int(bottom - top) + 1, int(right - left) + 1), np.uint8)
        for t in range(triangle_start[c], triangle_start[c + 1]):
            overlaps[c] += _write(points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]], left, top, writers)


@compiled
def _write(a: np.ndarray, b: np.ndarray, c: np.ndarray, left: float, top: float, writers: np.ndarray) -> int:
    """Mark the cells whose centre the triangle covers; returns how many were marked before."""
    ax, ay, bx, by, cx, cy = a[0] - left, a[1] - top, b[0] - left, b[1] - top, c[0] - left, c[1] - top
    double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not abs(double_area) > 1e-12:
        return 0
    again = 0
    inside = 1e-9 * abs(double_area)
    sign = 1.0 if double_area > 0 else -1.0
    for j in range(max(0, int(min(ay, by, cy) - 0.5)), min(writers.shape[0] - 1, int(max(ay, by, cy) + 0.5)) + 1):
        for i in range(max(0, int(min(ax, bx, cx) - 0.5)), min(writers.shape[1] - 1, int(max(ax, bx, cx) + 0.5)) + 1):
            x, y = i + 0.5, j + 0.5
            if (
                sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > inside
                and sign * ((cx - bx) * (y - by) - (cy - by) * (x - bx)) > inside
                and sign * ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) > inside
            ):
                again += writers[j, i]
                writers[j, i] = 1
    return again
