"""Occlusion against places where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.bake import Target, trace_texels
from kiln.geometry.occlusion import openness, sobol_square
from kiln.geometry.unwrap import unwrap
from shapes import mesh, sphere


@pytest.mark.parametrize("count", [4, 16, 64])
def test_points_are_a_net(count: int) -> None:
    """Every elementary box of area 1 / count holds exactly one point, in every aligned run of that length."""
    points = sobol_square(4 * count)
    for first in range(0, 4 * count, count):
        run = points[first : first + count]
        for rows in 2 ** np.arange(int(np.log2(count)) + 1):
            box = np.floor(run[:, 0] * rows) * count + np.floor(run[:, 1] * (count // rows))
            assert len(np.unique(box)) == count


def test_a_ball_sees_the_whole_sky() -> None:
    ball = sphere(24, 48)
    low = unwrap(ball, size=256, padding=4).mesh
    target = Target(ball)
    assert openness(trace_texels(low, target, size=128), target, rays=4).min() > 0.97


def test_at_the_foot_of_a_wall_half_the_sky_is_gone() -> None:
    floor = [(-9, 0, 0), (-9, 0, 9), (9, 0, 9), (9, 0, 0)]
    wall = [(-90, 0, 0), (90, 0, 0), (90, 90, 0), (-90, 90, 0)]
    scene = mesh(floor + wall, [(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)])
    low = unwrap(mesh(floor, [(0, 1, 2), (0, 2, 3)]), size=256, padding=4).mesh
    target = Target(scene)
    hits = trace_texels(low, target, size=256)
    points = hits.source.take(scene, scene.positions)
    free = openness(hits, target, rays=8)
    foot = (points[:, 2] < 1) & (abs(points[:, 0]) < 5)
    assert foot.sum() > 100
    assert free[foot].mean() == pytest.approx(0.5, abs=0.02)
    assert abs(free[foot] - 0.5).max() < 0.08
