from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.geometry.fill import fill_holes
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere


def test_a_large_hole_in_a_ball_bulges_and_is_as_fine_as_its_rim():
    ball = sphere(32, 64)
    lidless = ball.take_triangles(np.arange(ball.triangle_count) >= 64 + 2 * 64 * 7)
    colors = np.full((lidless.vertex_count, 4), (10, 20, 30, 255), np.uint8)
    made, filled = fill_holes(replace(lidless, colors=colors), longest=10.0)
    assert filled == 1 and measure_topology(made).is_sound
    new = np.linalg.norm(made.positions[lidless.vertex_count :], axis=1)
    assert len(new) > 100 and abs(new - 1).max() < 0.05, "a flat lid has its middle at 0.7"
    assert (made.colors == (10, 20, 30, 255)).all()


def test_a_hole_as_coarse_as_its_rim_gets_no_new_vertices():
    open_box = cube().take_triangles(np.arange(12) >= 2)
    made, filled = fill_holes(open_box, longest=10.0)
    assert filled == 1 and made.vertex_count == open_box.vertex_count
