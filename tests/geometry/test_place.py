from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from kiln.asset import Primitive, Voxels
from kiln.geometry.fit import heights_over
from kiln.geometry.normals import smooth_normals
from kiln.geometry.place import placement, quarter_turn, turned
from shapes import cube, mesh, tetrahedron

AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
TURNS = [quarter_turn(up=up, front=front) for up, front in product(AXES, AXES) if up[1] != front[1]]


def test_bottom_center_stands_on_the_ground():
    low, high = placement(tetrahedron(), pivot="bottom_center").of(tetrahedron()).bounds
    assert low.tolist() == [-0.5, 0, -0.5] and high.tolist() == [0.5, 1, 0.5]


def test_center_and_custom():
    assert placement(tetrahedron(), pivot="center").of(tetrahedron()).bounds[0].tolist() == [-0.5] * 3
    moved = placement(tetrahedron(), pivot="custom", custom=(1.0, 0.0, 0.0)).of(tetrahedron())
    assert moved.positions[1].tolist() == [0, 0, 0]


def test_a_custom_pivot_is_named_before_turning():
    turn = quarter_turn(up="+y", front="-z")
    moved = placement(tetrahedron(), pivot="custom", custom=(1.0, 0.0, 0.0), turn=turn).of(tetrahedron())
    assert moved.positions[1].tolist() == [0, 0, 0] and moved.positions[3].tolist() == [1, 0, -1]


@pytest.mark.parametrize("pivot", ["bottom_center", "center"])
def test_a_height_is_kept_whatever_the_pivot(pivot):
    low, high = placement(cube(), pivot=pivot, size=1.75).of(cube()).bounds
    assert high[1] - low[1] == pytest.approx(1.75) and high[0] - low[0] == pytest.approx(1.75)


def test_a_length_goes_along_the_longest_side():
    long = replace(cube(), positions=cube().positions * np.array((5, 1, 2), np.float32))
    low, high = placement(long, pivot="center", size=10.0, along="longest").of(long).bounds
    assert np.allclose(high - low, (10, 2, 4))


def test_a_flat_mesh_is_scaled_by_its_width():
    flat = mesh([(0, 0, 0), (4, 0, 0), (0, 0, 1)], [(0, 1, 2)])
    low, high = placement(flat, pivot="center", size=2.0).of(flat).bounds
    assert np.allclose(high - low, (2, 0, 0.5))


def test_a_quarter_turn_brings_up_and_front_where_they_belong():
    assert len(TURNS) == 24 == len({turn.tobytes() for turn in TURNS})
    assert all(np.linalg.det(turn) == pytest.approx(1) for turn in TURNS)
    turn = quarter_turn(up="-x", front="+y")
    assert (turn @ (-1, 0, 0)).tolist() == [0, 1, 0] and (turn @ (0, 1, 0)).tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="one axis"):
        quarter_turn(up="+y", front="-y")


@pytest.mark.parametrize("turn", TURNS)
def test_normals_bodies_and_voxels_turn_with_the_mesh(turn):
    solid = tetrahedron()
    solid = replace(solid, normals=smooth_normals(solid), tangents=np.tile(np.array((1, 0, 0, -1), np.float32), (4, 1)))
    moved = turned(solid, turn)
    assert np.allclose(smooth_normals(moved), moved.normals, atol=1e-6)
    assert (moved.tangents[:, :3] == turn[:, 0]).all() and (moved.tangents[:, 3] == -1).all()

    box = Primitive(kind="box", center=(1.0, 2.0, 3.0), size=(1.0, 2.0, 3.0), rotation=(0.5, 0.5, -0.5, 0.5))
    points = np.random.default_rng(1).normal(size=(50, 3)) * 3
    assert np.allclose(heights_over(turned(box, turn), points @ turn.T), heights_over(box, points))

    grid = Voxels(
        cells=np.array([(0, 1, 2), (-3, 4, 5)], np.int32),
        values=np.zeros((2, 1), np.float32),
        layout=("red",),
        origin=(0.1, 0.2, 0.3),
        size=0.5,
    )
    middles = [(v.cells + 0.5) * v.size + v.origin for v in (grid, turned(grid, turn))]
    assert np.allclose(middles[0] @ turn.T, middles[1])
