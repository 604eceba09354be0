"""Overlaps of flat triangles against a slow twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kiln.kernels.overlap import mark_doubled


def covered_cells(corners: np.ndarray, size: int) -> np.ndarray:
    """Cells of a size x size grid whose centre lies strictly inside a triangle of either winding."""
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    sides = []
    for k in range(3):
        (ax, ay), (bx, by) = corners[k], corners[(k + 1) % 3]
        sides.append((bx - ax) * (y - ay) - (by - ay) * (x - ax))
    return np.all(np.array(sides) > 1e-9, axis=0) | np.all(np.array(sides) < -1e-9, axis=0)


def test_a_triangle_over_an_earlier_one_of_its_chart_is_marked() -> None:
    corners = np.random.default_rng(3).uniform(0, 24, (30, 3, 2))
    start = np.array([0, 12, 12, 30])
    found = np.zeros(30, np.uint8)
    mark_doubled(corners, start, found)
    expected = []
    for first, last in pairwise(start.tolist()):
        written = np.zeros((24, 24), bool)
        for triangle in corners[first:last]:
            cells = covered_cells(triangle, 24)
            expected.append(bool((cells & written).any()))
            written |= cells
    assert found.astype(bool).tolist() == expected
