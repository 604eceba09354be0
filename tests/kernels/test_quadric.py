"""Quadrics against sums of squared distances."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.kernels.quadric import add_quadrics, best_place, squared_error
from shapes import tetrahedron


def test_a_quadric_is_the_weighted_sum_of_squared_distances_to_planes() -> None:
    solid = tetrahedron()
    positions, triangles = solid.positions.astype(np.float64), solid.triangles.astype(np.int32)
    quadrics = np.zeros((4, 10))
    add_quadrics(positions, triangles, np.zeros((4, 3)), quadrics)
    x = np.array([0.3, -0.2, 0.7])
    expected = 0.0
    for triangle in triangles[(triangles == 0).any(axis=1)]:
        a, b, c = positions[triangle]
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal) / 2
        expected += area * (normal / np.linalg.norm(normal) @ (x - a)) ** 2
    assert squared_error.py_func(quadrics[0], *x) == pytest.approx(expected)


def test_the_best_place_between_a_corner_and_nothing_is_the_corner() -> None:
    solid = tetrahedron()
    quadrics = np.zeros((4, 10))
    add_quadrics(solid.positions.astype(np.float64), solid.triangles.astype(np.int32), np.zeros((4, 3)), quadrics)
    place = best_place.py_func(quadrics[0], 0.1, 0.1, 0.1)
    assert place == pytest.approx((0, 0, 0), abs=1e-4)


def test_a_held_edge_adds_the_plane_that_stands_on_it() -> None:
    positions = np.array([(0, 0, 0), (2, 0, 0), (0, 1, 0)], np.float64)
    quadrics = np.zeros((3, 10))
    add_quadrics(positions, np.array([(0, 1, 2)], np.int32), np.array([(10.0, 0.0, 0.0)]), quadrics)
    away = squared_error.py_func(quadrics[0], 0.0, 0.5, 0.0)
    assert away == pytest.approx(10 * 2**2 * 0.5**2)  # hold, times the edge squared, times the distance from y = 0 squared
