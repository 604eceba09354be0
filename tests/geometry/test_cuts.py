from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.convex import hull_volume
from kiln.geometry.cuts import cut_apart, is_hollow
from shapes import cube, sphere

ALWAYS = lambda: True  # noqa: E731


def bars(*placed: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Mesh:
    each = [cube().positions * np.array(size, np.float32) + np.array(center, np.float32) for center, size in placed]
    triangles = np.concatenate([cube().triangles + np.uint32(8 * number) for number in range(len(placed))])
    return Mesh(positions=np.concatenate(each), triangles=triangles)


ANGLE = bars(((0, 0.5, 0), (3, 1, 1)), ((-1, 2, 0), (1, 2, 1)))
"""An L of volume 5 whose hull holds more."""


def test_a_convex_body_is_not_cut():
    (whole,) = cut_apart(cube(), cuts=8, go_on=ALWAYS)
    assert hull_volume(whole) == pytest.approx(1)


def test_one_cut_takes_what_the_hull_of_an_angle_holds_too_much():
    (whole,), parts = (cut_apart(ANGLE, cuts=cuts, go_on=ALWAYS) for cuts in (0, 1))
    assert hull_volume(whole) > 6 and sum(map(hull_volume, parts)) == pytest.approx(5, rel=1e-6)


def test_each_cut_of_a_curl_leaves_no_more_that_is_not_the_mesh():
    curl = bars(*(((np.cos(a), np.sin(a), 0.3 * a), (0.3, 0.3, 0.3)) for a in np.linspace(0, 5, 11)))
    fill = [sum(map(hull_volume, cut_apart(curl, cuts=cuts, go_on=ALWAYS))) for cuts in range(4)]
    assert (np.diff(fill) <= 0).all() and fill[-1] < 0.2 * fill[0]


def test_nothing_is_cut_once_time_is_up():
    assert len(cut_apart(ANGLE, cuts=8, go_on=lambda: False)) == 1


def test_a_bowl_is_hollow_and_a_cracked_ball_is_not():
    grid = sphere()
    assert is_hollow(grid.take_triangles(grid.positions[grid.triangles].mean(axis=1)[:, 1] < 0.2))
    assert not is_hollow(grid) and not is_hollow(grid.take_triangles(np.arange(960) > 1))
