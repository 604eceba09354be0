"""The kernels under simplify and repair against slow twins."""

from __future__ import annotations

import heapq

import numba
import numpy as np
import pytest

from kiln.kernels import heap
from kiln.kernels.fill import triangulate_loop
from kiln.kernels.quadric import add_quadrics, best_place, squared_error
from kiln.kernels.topology import join_pairs, number_sets, sort_half_edges


def test_half_edges_are_sorted_as_lexsort_does():
    triangles = np.random.default_rng(0).integers(0, 40, (200, 3)).astype(np.int32)
    order, scratch = np.empty(600, np.int32), np.empty(600, np.int32)
    sort_half_edges(triangles, np.empty(41, np.int64), order, scratch)
    starts, stops = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    assert np.array_equal(order, np.lexsort((np.maximum(starts, stops), np.minimum(starts, stops))))


def test_union_find_numbers_sets_by_lowest_member():
    parents, labels = np.arange(6, dtype=np.int32), np.empty(6, np.int32)
    join_pairs(parents, np.array([4, 5, 1], np.int32), np.array([2, 4, 3], np.int32))
    assert number_sets(parents, labels) == 3
    assert labels.tolist() == [0, 1, 2, 1, 2, 2]


@numba.njit
def drain(costs: np.ndarray, items: np.ndarray, given: np.ndarray) -> list[float]:
    size = 0
    for i in range(len(given)):
        size = heap.push(costs, items, size, given[i], i, 0, 0, 0)
    out = []
    while size > 0:
        size = heap.pop(costs, items, size)
        out.append(costs[size])
    return out


def test_the_heap_gives_what_heapq_gives():
    given = np.random.default_rng(1).integers(0, 20, 100).astype(np.float64)
    twin = given.tolist()
    heapq.heapify(twin)
    assert drain(np.empty(101), np.empty((101, 4), np.int32), given) == [heapq.heappop(twin) for _ in range(100)]


@numba.njit
def solve(q: np.ndarray) -> tuple[tuple[float, float, float], float]:
    x, y, z = best_place(q, 0.0, 0.0, 0.0)
    return (x, y, z), squared_error(q, x, y, z)


def test_three_planes_meet_where_their_quadric_is_zero():
    corner = np.array([(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)], float)
    triangles = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 1)], np.int32)
    quadrics = np.zeros((4, 10))
    add_quadrics(corner, triangles, np.zeros((3, 3)), quadrics)
    place, error = solve(quadrics[0])
    assert place == pytest.approx((1, 2, 3), abs=1e-3) and error == pytest.approx(0, abs=1e-6)


def test_a_polygon_is_triangulated_with_least_area():
    points = np.random.default_rng(2).normal(size=(7, 3))

    def area(i: int, j: int, k: int) -> float:
        return float(np.linalg.norm(np.cross(points[j] - points[i], points[k] - points[i])))

    def least(i: int, k: int) -> float:
        return min((least(i, j) + least(j, k) + area(i, j, k) for j in range(i + 1, k)), default=0.0)

    triangles = np.empty((5, 3), np.int32)
    triangulate_loop(points, triangles)
    assert sum(area(*triangle) for triangle in triangles) == pytest.approx(least(0, 6))
