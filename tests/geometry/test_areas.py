from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.areas import flat_areas, triangle_areas, uv_areas, volume
from shapes import cube, mesh, sphere, tetrahedron


def test_areas_and_volume_of_known_solids() -> None:
    assert triangle_areas(cube(2.0)) == pytest.approx(np.full(12, 2.0))
    assert volume(cube(2.0)) == pytest.approx(8)
    assert volume(tetrahedron()) == pytest.approx(1 / 6)
    assert volume(sphere(64, 128)) == pytest.approx(4 / 3 * np.pi, rel=3e-3)


def test_volume_does_not_depend_on_the_place_and_turns_negative_with_the_winding() -> None:
    box = cube()
    far = box.moved(offset=np.float32([1000, -1000, 1000]))
    assert volume(far) == pytest.approx(1, rel=1e-5)
    assert volume(mesh(box.positions, box.triangles[:, ::-1])) == pytest.approx(-1)


def test_flat_areas_are_positive_from_x_to_y() -> None:
    points = np.array([(0.0, 0.0), (2.0, 0.0), (0.0, 1.0)])
    assert flat_areas(points, np.array([(0, 1, 2), (0, 2, 1)], np.uint32)).tolist() == [1.0, -1.0]


def test_uv_areas_of_a_mesh_without_uvs_are_zero() -> None:
    assert uv_areas(cube()).tolist() == [0.0] * 12
