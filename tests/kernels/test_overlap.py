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
    covered = mark_doubled(corners, start, found)
    expected, cells_marked = [], 0
    for first, last in pairwise(start.tolist()):
        written = np.zeros((24, 24), bool)
        for triangle in corners[first:last]:
            cells = covered_cells(triangle, 24)
            expected.append(bool((cells & written).any()))
            written |= cells
        cells_marked += int(written.sum())
    assert covered == cells_marked
    assert found.astype(bool).tolist() == expected


def test_what_has_no_area_or_lies_between_centres_covers_nothing() -> None:
    corners = np.array([[(0, 0), (5, 5), (9, 9)], [(0.1, 0.1), (0.4, 0.1), (0.1, 0.4)], [(0, 2.5), (9, 2.5), (4, 2.5 + 1e-13)]])
    found = np.zeros(3, np.uint8)
    assert mark_doubled(corners, np.array([0, 3]), found) == 0
    assert not found.any()
