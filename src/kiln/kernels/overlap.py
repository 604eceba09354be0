"""Charts that lie over themselves."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def mark_doubled(corners: np.ndarray, start: np.ndarray, doubled: np.ndarray) -> int:
    """How many cells the charts cover; sets doubled[t] where a cell's centre lies strictly inside triangle t and inside an earlier one of
    the same chart.

    corners (F, 3, 2) float64 in cells, any origin, sorted by chart, those of chart c being start[c]:start[c + 1]; doubled (F,) uint8.
    Triangles of either winding count; a cell's centre exactly on an edge is not covered.
    """
    covered = 0
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
        covered += written.sum()
    return covered


@compiled
def _write(corners: np.ndarray, left: float, top: float, written: np.ndarray) -> int:
    """Mark the cells whose centre the triangle covers; returns 1 if one was marked before."""
    ax, ay, bx, by = corners[0, 0] - left, corners[0, 1] - top, corners[1, 0] - left, corners[1, 1] - top
    cx, cy = corners[2, 0] - left, corners[2, 1] - top
    double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not abs(double_area) > 1e-12:
        return 0
    sign = 1.0 if double_area > 0 else -1.0
    inside = 1e-9 * abs(double_area)
    # Along a row each side's distance grows steadily: slope * x + offset. Solving for x finds the run of cells without testing any other.
    slopes = (sign * (ay - by), sign * (by - cy), sign * (cy - ay))
    again = 0
    for j in range(max(0, int(min(ay, by, cy) - 0.5)), min(written.shape[0] - 1, int(max(ay, by, cy) + 0.5)) + 1):
        y = j + 0.5
        offsets = (
            sign * (bx - ax) * (y - ay) - slopes[0] * ax - inside,
            sign * (cx - bx) * (y - by) - slopes[1] * bx - inside,
            sign * (ax - cx) * (y - cy) - slopes[2] * cx - inside,
        )
        low, high = 0.0, float(written.shape[1])
        for k in range(3):
            if slopes[k] > 0:
                low = max(low, -offsets[k] / slopes[k])
            elif slopes[k] < 0:
                high = min(high, -offsets[k] / slopes[k])
            elif offsets[k] <= 0:
                high = -1.0
        if low >= high:
            continue
        for i in range(int(low + 0.5), min(written.shape[1], int(np.ceil(high - 0.5)))):
            again |= int(written[j, i])
            written[j, i] = 1
    return again
