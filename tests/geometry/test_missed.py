from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.geometry.missed import missed_by
from kiln.geometry.rebuild import rebuild
from shapes import cube, sphere
from torture import grid, shifted, together


def test_a_wall_thinner_than_a_voxel_is_missed_and_a_cube_is_not() -> None:
    slab = replace(cube(), positions=cube().positions * np.array([1, 1, 0.001], np.float32))
    missed = missed_by(rebuild(slab, voxels=20), slab)
    assert missed.share > 0.9 and missed.pieces.sum() > 8
    assert missed_by(rebuild(cube(), voxels=20), cube()).share == 0


def test_a_fin_on_a_ball_is_a_missed_piece() -> None:
    ball = sphere(24, 48)
    fin = shifted(grid(8, 8), 0.9, -0.5, 0)
    scene = together(ball, fin)
    missed = missed_by(rebuild(scene, voxels=40), scene)
    assert not missed.pieces[: ball.triangle_count].any() and missed.pieces[ball.triangle_count :].mean() > 0.6
