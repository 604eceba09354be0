from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.columns import Columns, solid_volume, volumes_apart
from shapes import cube, sphere


def over(*meshes: Mesh) -> Columns:
    lows, highs = zip(*(mesh.bounds for mesh in meshes), strict=True)
    return Columns.over(np.min(lows, axis=0).astype(float), np.max(highs, axis=0).astype(float), count=96)


def moved(mesh: Mesh, *by: float) -> Mesh:
    return mesh.moved(offset=np.array(by, np.float32))


def test_a_cell_of_each_line_fills_the_box():
    columns = Columns.over(np.array((0.0, 5, 1)), np.array((2.0, 6, 4)), count=4)
    assert columns.area * 16 == pytest.approx(6)
    assert (columns.lines() > columns.low).all() and (columns.lines() < (2, 4)).all()


def test_a_closed_solids_volume_is_exact():
    assert solid_volume(cube(2), over(cube(2))) == pytest.approx(8, rel=1e-9)


@pytest.mark.parametrize("first, second", [(sphere(), moved(cube(), 0.4, 0.3, 0.2)), (cube(), moved(cube(), 0.31, -0.2, 0.11))])
def test_the_parts_of_both_add_up(first, second):
    columns = over(first, second)
    apart = volumes_apart(first, second, columns)
    assert apart.first == pytest.approx(solid_volume(first, columns)) and apart.second == pytest.approx(solid_volume(second, columns))
    assert apart.first - apart.only_first == pytest.approx(apart.second - apart.only_second)


def test_overlapping_cubes_differ_by_what_arithmetic_says():
    apart = volumes_apart(cube(), moved(cube(), 0.5, 0, 0), over(cube(), moved(cube(), 0.5, 0, 0)))
    assert (apart.only_first, apart.only_second) == pytest.approx((0.5, 0.5), rel=0.02)


def test_a_body_within_another_is_exact_however_it_lies_to_the_lines():
    apart = volumes_apart(cube(), cube(0.777), over(cube()))
    assert apart.only_second == 0 and apart.only_first == pytest.approx(1 - 0.777**3, rel=1e-6)


def test_the_same_body_twice_differs_by_nothing():
    apart = volumes_apart(sphere(), sphere(), over(sphere()))
    assert (apart.only_first, apart.only_second) == (0, 0)
