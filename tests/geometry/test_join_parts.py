from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.convex import hull_volume
from kiln.geometry.join_parts import join_parts
from shapes import cube

BOX = cube().positions.astype(np.float64)


def test_parts_become_one_fewer_each_time_and_keep_all_corners():
    parts = [BOX + np.array((x, 0, 0)) for x in (0, 1, 5, 9)]
    sets = list(join_parts(parts))
    assert [len(each) for each in sets] == [4, 3, 2, 1]
    assert all(hull_volume(np.concatenate(each)) == pytest.approx(hull_volume(np.concatenate(parts))) for each in sets)


def test_those_are_joined_first_that_fill_least():
    left, right, far = BOX, BOX + np.array((1, 0, 0)), BOX + np.array((0, 3, 0))
    joined = list(join_parts([left, far, right]))[1]
    assert joined[0] is far and hull_volume(joined[1]) == 2.0


def test_parts_that_go_on_are_the_same_arrays():
    parts = [BOX + np.array((x, 0, 0)) for x in (0, 1, 5)]
    assert any(part is parts[2] for part in list(join_parts(parts))[1])


def test_one_part_is_all_there_is():
    assert len(list(join_parts([BOX]))) == 1
