from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.cut_loose import without_cut_loose
from shapes import mesh


def strip(squares: int) -> Mesh:
    """Squares one metre wide in a row along X, two triangles each."""
    points = [(x, y, 0) for x in range(squares + 1) for y in (0, 1)]
    faces = [face for k in range(squares) for face in ((2 * k, 2 * k + 2, 2 * k + 1), (2 * k + 1, 2 * k + 2, 2 * k + 3))]
    return mesh(points, faces)


def test_what_a_cut_parts_from_the_largest_goes():
    whole = strip(10)
    left = np.r_[0:4, 6:20]  # the third square is gone, so that two are loose
    made, loose = without_cut_loose(whole.take_triangles(left), whole, left)
    assert made.triangle_count == 14 and loose.parts == 1
    assert loose.largest == pytest.approx(np.hypot(2, 1) / np.hypot(10, 1))


def test_images_of_one_part_stay_or_go_together():
    whole = strip(10)
    left = np.r_[0:4, 6:20]
    part = whole.take_triangles(left)
    points = np.concatenate([part.positions, part.positions + np.float32(20)])
    both = mesh(points, np.concatenate([part.triangles, part.triangles + part.vertex_count]))
    made, loose = without_cut_loose(both, whole, np.tile(left, 2))
    assert made.triangle_count == 28 and loose.parts == 2


def test_what_was_a_part_of_its_own_stays():
    row = strip(10)
    apart = row.take_triangles(np.r_[0:4, 6:20])
    made, loose = without_cut_loose(apart, apart, np.arange(18))
    assert made is apart and loose.parts == 0 and loose.largest == 0
