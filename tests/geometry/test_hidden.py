"""What a camera sees well, and what not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.hidden import Sight, Viewpoint, best_sight
from shapes import cube, sphere

SIDE = 200


def front(*, scale: float = 80.0) -> Viewpoint:
    """Looks along -Z; `scale` pixels a metre."""
    matrix = np.array([(scale, 0, 0, SIDE / 2), (0, -scale, 0, SIDE / 2), (0, 0, -1, 0), (0, 0, 0, 1)], np.float64)
    return Viewpoint(matrix=matrix, eye=np.array((0, 0, 1.0, 0)), width=SIDE, height=SIDE)


def seen(mesh: Mesh, points: object, normals: object, **options: float) -> np.ndarray:
    texel = options.pop("texel", 1 / 80)
    sight = Sight(mesh, front(**options))
    return sight.of(np.array(points, np.float32), np.array(normals, np.float32), texel=texel)


def test_a_cubes_front_is_seen_and_its_other_sides_are_not() -> None:
    middles = np.array([(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, 1, 0)]) / 2
    assert seen(cube(), middles, 2 * middles).tolist() == [1, 0, 0, 0]


def test_a_ball_is_seen_the_less_the_more_it_turns_away() -> None:
    angles = np.radians((0, 30, 60, 80, 100))
    ball = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=1)
    found = seen(sphere(64, 128), ball, ball, texel=0.05)
    assert found[0] == found[1] == 1
    assert (np.diff(found) <= 0).all()
    assert found[3] < 0.2
    assert found[4] == 0


def test_what_stands_behind_another_thing_is_hidden() -> None:
    near = replace(cube(0.4), positions=cube(0.4).positions + np.float32((0, 0, 2)))
    both = Mesh(
        positions=np.concatenate([cube().positions, near.positions]), triangles=np.concatenate([cube().triangles, near.triangles + 8])
    )
    assert seen(both, [(0, 0, 0.5), (0.4, 0.4, 0.5), (0, 0, 2.2)], [(0, 0, 1)] * 3).tolist() == [0, 1, 1]


def test_outlines_stretched_texels_and_the_world_beyond_the_picture_are_not_trusted() -> None:
    assert seen(cube(), [(0.495, 0, 0.5)], [(0, 0, 1)])[0] < 0.3
    assert seen(cube(), [(0, 0, 0.5)], [(0, 0, 1)], texel=1 / 800).tolist() == [0], "a tenth of a pixel for each texel"
    assert seen(cube(), [(0.45, 0, 0.5)], [(0, 0, 1)], scale=400).tolist() == [0]


def test_of_several_views_the_best_one_counts() -> None:
    middles = (np.array([(0, 0, 1), (0, 0, -1)]) / 2).astype(np.float32)
    behind = np.array([(-80, 0, 0, SIDE / 2), (0, -80, 0, SIDE / 2), (0, 0, 1, 0), (0, 0, 0, 1)], np.float64)
    back = Viewpoint(matrix=behind, eye=np.array((0, 0, -1.0, 0)), width=SIDE, height=SIDE)
    found = best_sight(cube(), middles, 2 * middles, views=(front(), back), texel=1 / 80)
    assert found.tolist() == [1, 1]


def test_a_near_camera_is_looked_towards() -> None:
    near = replace(front(), eye=np.array((0, 0, 2.0, 1)))
    assert near.towards(np.array([(0, 0, 0), (2, 0, 2)], np.float32)) == pytest.approx(np.array([(0, 0, 1), (-1, 0, 0)]))
    assert near.pixels_per_metre == pytest.approx(80)
