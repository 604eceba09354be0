from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.distance import SampledSurface, distance_to, nearest_to, spread_points
from shapes import cube, mesh, sphere


def test_distances_to_a_box_are_exact():
    rng = np.random.default_rng(5)
    points = rng.uniform(-2, 2, (500, 3))
    outside = np.linalg.norm(np.maximum(np.abs(points) - 0.5, 0), axis=1)
    inside = 0.5 - np.abs(points).max(axis=1)
    expected = np.where(inside > 0, inside, outside)
    assert np.allclose(distance_to(cube(), points), expected, atol=1e-9)


def test_the_nearest_point_lies_on_its_triangle_at_its_distance():
    solid = sphere()
    points = np.random.default_rng(2).uniform(-2, 2, (200, 3))
    nearest = nearest_to(solid, points)
    assert (nearest.bary >= 0).all() and np.allclose(nearest.bary.sum(axis=1), 1)
    feet = np.einsum("nk,nkx->nx", nearest.bary, solid.positions[solid.triangles[nearest.triangle]].astype(np.float64))
    assert np.allclose(np.linalg.norm(points - feet, axis=1), nearest.away)


def test_the_farthest_is_exact_on_fans_of_needles():
    solid = sphere(12, 200)  # 200 needles share each pole
    surface = SampledSurface(solid)
    pole = np.array([[0.001, 1.0, 0.0003], [0.0, -1.2, 0.0]])
    assert surface.farthest(pole) == pytest.approx(0.2, abs=1e-7)
    assert surface.farthest(spread_points(solid, 500)) < 1e-6


def test_triangles_without_area_are_as_far_as_their_edges():
    line = mesh([(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(0, 1, 2)])
    assert distance_to(line, np.array([[1.0, 3.0, 0.0], [4.0, 0.0, 0.0]])).tolist() == pytest.approx([3, 2])


def test_points_are_spread_by_area():
    points = spread_points(cube(), 6000)
    on_top = (points[:, 1] == 0.5).sum()
    assert on_top == pytest.approx(1000, abs=2)
    assert np.abs(points).max() <= 0.5 and np.array_equal(points, spread_points(cube(), 6000))
