from __future__ import annotations

import numpy as np

from kiln.geometry.weld import weld, weld_classes
from shapes import cube, mesh


def test_exactly_equal_positions_are_one_point_and_minus_zero_is_zero() -> None:
    classes, count = weld_classes(np.array([(0, 0, 0), (1, 0, 0), (-0.0, 0, 0)], np.float32))
    assert count == 2
    assert classes.tolist() == [0, 1, 0]


def test_tolerance_welds_what_rounds_to_one_cell() -> None:
    positions = np.array([(0, 0, 0), (0.001, 0, 0), (0.4, 0, 0)], np.float32)
    assert weld_classes(positions)[1] == 3
    assert weld_classes(positions, tolerance=0.01)[1] == 2


def test_welding_a_soup_gives_the_mesh_back() -> None:
    whole = cube()
    soup = mesh(whole.positions[whole.triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    welded = weld(soup)
    assert welded.vertex_count == 8
    assert np.array_equal(welded.positions[welded.triangles], whole.positions[whole.triangles])


def test_a_welded_mesh_is_returned_as_it_is() -> None:
    whole = cube()
    assert weld(whole) is whole
