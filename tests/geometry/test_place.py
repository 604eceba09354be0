from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.place import placement
from shapes import cube, mesh, tetrahedron


def test_bottom_center_stands_on_the_ground():
    low, high = placement(tetrahedron(), pivot="bottom_center").of(tetrahedron()).bounds
    assert low.tolist() == [-0.5, 0, -0.5] and high.tolist() == [0.5, 1, 0.5]


def test_center_and_custom():
    assert placement(tetrahedron(), pivot="center").of(tetrahedron()).bounds[0].tolist() == [-0.5] * 3
    moved = placement(tetrahedron(), pivot="custom", custom=(1.0, 0.0, 0.0)).of(tetrahedron())
    assert moved.positions[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("pivot", ["bottom_center", "center"])
def test_a_height_is_kept_whatever_the_pivot(pivot):
    low, high = placement(cube(), pivot=pivot, height=1.75).of(cube()).bounds
    assert high[1] - low[1] == pytest.approx(1.75) and high[0] - low[0] == pytest.approx(1.75)


def test_a_flat_mesh_is_scaled_by_its_width():
    flat = mesh([(0, 0, 0), (4, 0, 0), (0, 0, 1)], [(0, 1, 2)])
    low, high = placement(flat, pivot="center", height=2.0).of(flat).bounds
    assert np.allclose(high - low, (2, 0, 0.5))
