"""Charts that lie over themselves."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def mark_doubled(corners: np.ndarray, start: np.ndarray, doubled: np.ndarray) -> None:
    """Set doubled[t] where a cell's centre lies strictly inside triangle t and inside an earlier one of the same chart.

    corners (F, 3, 2) float64 in cells, any origin, sorted by chart, those of chart c being start[c]:start[c + 1]; doubled (F,) uint8.
    Triangles of either winding count.
    """
    for c in range(len(start) - 1):
        left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
        for t in range(start[c], start[c + 1]):
            for k in range(3):
                left, right = min(left, np.floor(corners[t, k, 0])), max(right, corners[t, k, 0])
                top, bottom = min(top, np.floor(corners[t, k, 1])), max(bottom, corners[t, k, 1])
        if not right >= left:
            continue
        written = np.zeros((int(bottom - top) + 1, int(right - left) + 1), np.uint8)
        for t in range(start[c], start[c + 1]):
            doubled[t] = _write(corners[t], left, top, written)


@compiled
def _write(corners: np.ndarray, left: float, top: float, written: np.ndarray) -> int:
    """Mark the cells whose centre the triangle covers; returns 1 if one was marked before."""
    ax, ay, bx, by = corners[0, 0] - left, corners[0, 1] - top, corners[1, 0] - left, corners[1, 1] - top
    cx, cy = corners[2, 0] - left, corners[2, 1] - top
    double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not abs(double_area) > 1e-12:
        return 0
    again = 0
    inside = 1e-9 * abs(double_area)
    sign = 1.0 if double_area > 0 else -1.0
    for j in range(max(0, int(min(ay, by, cy) - 0.5)), min(written.shape[0] - 1, int(max(ay, by, cy) + 0.5)) + 1):
        for i in range(max(0, int(min(ax, bx, cx) - 0.5)), min(written.shape[1] - 1, int(max(ax, bx, cx) + 0.5)) + 1):
            x, y = i + 0.5, j + 0.5
            if (
                sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > inside
                and sign * ((cx - bx) * (y - by) - (cy - by) * (x - bx)) > inside
                and sign * ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) > inside
            ):
                again |= int(written[j, i])
                written[j, i] = 1
    return again
