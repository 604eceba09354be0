from __future__ import annotations

import numpy as np

from kiln.geometry.distance import distance_to
from kiln.geometry.triangle_tree import TriangleTree
from shapes import sphere


def test_a_closed_mesh_winds_once_around_its_inside():
    tree = TriangleTree(sphere(24, 48))
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (2_000, 3))
    radius = np.linalg.norm(points, axis=1)
    wound = tree.winding(points)
    assert np.abs(wound[radius > 1.02]).max() < 0.05 and np.abs(wound[radius < 0.97] - 1).max() < 0.05
    assert len(tree.winding(points[:0])) == 0


def test_the_nearest_triangles_are_numbered_as_in_the_mesh():
    ball = sphere()
    points = np.random.default_rng(1).uniform(-1.2, 1.2, (500, 3))
    nearest = TriangleTree(ball).nearest(points)
    corners = ball.positions.astype(np.float64)[ball.triangles[nearest.triangle]]
    weights = np.column_stack([1 - nearest.bary.sum(axis=1), nearest.bary])
    away = np.linalg.norm(np.einsum("ik,ikj->ij", weights, corners) - points, axis=1)
    assert (away <= distance_to(ball, points) + 1e-6).all()
    assert (TriangleTree(ball).nearest(points * 10, reach=0.1).triangle[np.linalg.norm(points, axis=1) > 0.2] == -1).all()
