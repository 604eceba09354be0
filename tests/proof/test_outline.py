from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import VIEWS, View
from kiln.proof.outline import outline_iou
from shapes import cube, mesh


def test_a_cubes_outline_is_a_square_wherever_it_lies_in_the_picture() -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 25:45] = 255
    for view in VIEWS:
        assert outline_iou(cube(), alpha, view=view) == 1.0


@pytest.mark.parametrize(("view", "right_side_up"), [("front", True), ("left", False), ("back", False), ("right", True)])
def test_each_view_is_taken_from_its_own_side(view: View, right_side_up: bool) -> None:
    """A right triangle standing in the plane x = z: its upright edge is at +X and at +Z, so on the right from front and right."""
    wedge = mesh([(-1, 0, -1), (1, 0, 1), (1, 1, 1)], [(0, 1, 2)])
    alpha = np.where(np.add.outer(np.arange(64), np.arange(64)) >= 63, 255, 0).astype(np.uint8)
    drawn = alpha if right_side_up else alpha[:, ::-1].copy()
    assert outline_iou(wedge, drawn, view=view) > 0.95
    assert outline_iou(wedge, drawn[:, ::-1].copy(), view=view) < 0.6
