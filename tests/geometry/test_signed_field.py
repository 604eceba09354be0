from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.deadline import OutOfTime
from kiln.geometry.signed_field import BLOCK, signed_field
from kiln.geometry.triangle_tree import TriangleTree
from shapes import sphere
from torture import pierced

CELL = 0.1
SIZE = np.full(3, 4 * 2 * BLOCK)
ORIGIN = np.full(3, -1.567)


def grid_points() -> np.ndarray:
    return ORIGIN + CELL * np.stack(np.meshgrid(*(np.arange(n) for n in SIZE), indexing="ij"), axis=-1)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_signs_are_those_of_the_winding_numbers_everywhere(missing: float) -> None:
    ball = pierced(missing)
    tree = TriangleTree(ball)
    level = 0.5 * (1 - missing)
    field = signed_field(ball, tree, origin=ORIGIN, cell=CELL, size=SIZE, level=level)
    wound = tree.winding(grid_points().reshape(-1, 3)).reshape(field.shape) - level
    sure = np.abs(wound) > 0.05
    assert ((field > 0) == (wound > 0))[sure].all()


def test_sizes_are_distances_in_cells() -> None:
    ball = sphere(48, 96)
    field = signed_field(ball, TriangleTree(ball), origin=ORIGIN, cell=CELL, size=SIZE, level=0.5)
    depth = (1 - np.linalg.norm(grid_points(), axis=-1)) / CELL
    near = np.abs(depth) < 0.9
    assert np.abs(field - depth)[near].max() < 0.05


def test_it_gives_up_when_told_to() -> None:
    def stop() -> None:
        raise OutOfTime

    ball = sphere()
    with pytest.raises(OutOfTime):
        signed_field(ball, TriangleTree(ball), origin=ORIGIN, cell=CELL, size=SIZE, level=0.5, keep_going=stop)
