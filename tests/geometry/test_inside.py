from __future__ import annotations

import numpy as np

from kiln.geometry.inside import Heights, Sides
from shapes import cube, sphere


def shells(*radii: float) -> np.ndarray:
    """Points on spheres around the origin."""
    way = np.random.default_rng(0).normal(size=(200, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return np.concatenate([radius * way for radius in radii])


def test_points_within_a_ball_are_inside():
    inside = Sides(sphere()).inside(shells(0.3, 0.95, 1.05, 4.0))
    assert inside.reshape(4, -1).all(axis=1).tolist() == [True, True, False, False]


def test_a_few_missing_triangles_change_nothing():
    cracked = sphere().take_triangles(np.arange(960) % 97 > 0)
    inside = Sides(cracked).inside(shells(0.3, 2.0)).reshape(2, -1)
    assert inside.mean(axis=1)[0] > 0.98 and inside.mean(axis=1)[1] < 0.02


def test_heights_are_distances_with_a_sign():
    heights = Heights(sphere(32, 64))(shells(0.5, 1.5, 3.0)).reshape(3, -1)
    assert np.allclose(heights[0], -0.5, atol=0.06) and np.allclose(heights[1], 0.5, atol=0.06) and np.allclose(heights[2], 2, atol=0.21)


def test_no_points_have_no_heights():
    assert Heights(cube())(np.zeros((0, 3))).shape == (0,)
