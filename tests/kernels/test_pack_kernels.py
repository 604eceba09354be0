"""The packing kernels against slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.kernels.overlap import mark_doubled
from kiln.kernels.pack import place_shapes, shape_runs


def mask_of(runs: np.ndarray, extent: np.ndarray) -> np.ndarray:
    mask = np.zeros(extent[::-1], int)
    for row, first, length in runs:
        mask[row, first : first + length] += 1
    assert mask.max() == 1
    return mask > 0


def inside_polygon(polygon: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside


def distance_to_outline(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    least = np.full(len(points), np.inf)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        least = np.minimum(least, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return least


@pytest.mark.parametrize("radius", [0.0, 1.0, 2.5])
def test_a_shape_holds_every_cell_that_comes_near_and_few_others(radius: float) -> None:
    polygon = np.array([(0, 0), (11, 3), (6, 6), (13, 14), (2, 9)], float)
    points = polygon - polygon.min(axis=0) + radius
    rim = np.stack([np.arange(5), np.roll(np.arange(5), -1)], axis=1).astype(np.uint32)
    runs, start, extents = np.zeros((500, 3), np.int32), np.zeros(5, np.int64), np.zeros((4, 2), np.int32)
    used = shape_runs(points, rim, np.array([0, 5]), radius, runs, start, extents)
    assert start[0] == 0
    assert start[4] == used
    assert shape_runs(points, rim, np.array([0, 5]), radius, runs[:3].copy(), start, extents) == used > 3, "says how much room it needs"
    mask = mask_of(runs[: start[1]], extents[0])
    for turn in range(1, 4):
        assert np.array_equal(mask_of(runs[start[turn] : start[turn + 1]], extents[turn]), np.rot90(mask, -turn))
    near = np.zeros(mask.shape, bool)
    for dy in np.linspace(0.001, 0.999, 9):  # any part of the cell
        for dx in np.linspace(0.001, 0.999, 9):
            y, x = np.indices(mask.shape) + np.array([dy, dx])[:, None, None]
            close = distance_to_outline(points, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(mask.shape) < radius
            near |= close | inside_polygon(points, x, y)
    assert not (near & ~mask).any()
    assert (mask & ~near).sum() <= 0.05 * mask.sum() + 3


def test_each_shape_goes_to_the_lowest_place_where_it_fits() -> None:
    random = np.random.default_rng(0)
    masks = [np.ones(tuple(random.integers(1, 6, 2)), bool) for _ in range(12)]
    for mask in masks[::3]:
        mask[random.integers(len(mask)), random.integers(mask.shape[1])] = mask.size == 1
    runs, start = [], [0]
    for mask in masks:
        for row, cells in enumerate(mask):
            edges = np.flatnonzero(np.diff(np.r_[0, cells.astype(int), 0]))
            runs += [(row, a, b - a) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        start.append(len(runs))
    extents = np.array([mask.shape[::-1] for mask in masks], np.int32)
    free = np.tile(np.arange(9, 0, -1, dtype=np.int32), (40, 1))
    placed = np.zeros((12, 3), np.int32)
    height = place_shapes(np.arange(12), 1, np.array(runs, np.int32), np.array(start), extents, free, placed)
    taken = np.zeros((40, 9), bool)
    for mask, (_, column, row) in zip(masks, placed, strict=True):
        h, w = mask.shape
        fits = [(y, x) for y in range(40 - h) for x in range(10 - w) if not (taken[y : y + h, x : x + w] & mask).any()]
        assert fits[0] == (row, column)
        taken[row : row + h, column : column + w] |= mask
    assert height == max(row + len(mask) for mask, (_, _, row) in zip(masks, placed, strict=True))
    assert np.array_equal(free > 0, ~taken)


def test_what_does_not_fit_is_said() -> None:
    free = np.tile(np.arange(4, 0, -1, dtype=np.int32), (4, 1))
    runs = np.array([(0, 0, 5)], np.int32)
    assert place_shapes(np.arange(1), 1, runs, np.array([0, 1]), np.array([(5, 1)], np.int32), free, np.zeros((1, 3), np.int32)) == -1


def test_only_later_triangles_that_lie_over_earlier_ones_are_marked() -> None:
    square = [[(0, 0), (8, 0), (8, 8)], [(0, 0), (8, 8), (0, 8)]]
    corners = np.array([*square, [(1, 1), (7, 2), (3, 6)], *square], float)
    doubled = np.zeros(5, np.uint8)
    mark_doubled(corners, np.array([0, 3, 5]), doubled)
    assert doubled.tolist() == [0, 0, 1, 0, 0]
