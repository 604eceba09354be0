from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.planes import heights_above, hull_planes
from shapes import cube, mesh, tetrahedron


def test_heights_over_a_cube_are_over_the_nearest_side():
    points = np.array([(0, 0, 0), (0.9, 0.1, 0), (0, -2, 0), (0.5, 0.5, 0.5)], np.float64)
    assert heights_above(hull_planes(cube()), points) == pytest.approx([-0.5, 0.4, 1.5, 0], abs=1e-6)


def test_each_triangle_gives_a_plane_through_its_corners():
    planes, solid = hull_planes(tetrahedron()), tetrahedron()
    for plane, triangle in zip(planes, solid.triangles, strict=True):
        assert np.linalg.norm(plane[:3]) == pytest.approx(1)
        assert solid.positions[triangle] @ plane[:3] + plane[3] == pytest.approx([0, 0, 0], abs=1e-6)


def test_needles_say_nothing():
    sliver = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0), (2, 1e-12, 0)], [(0, 1, 2), (0, 1, 3)])
    assert len(hull_planes(sliver)) == 1
