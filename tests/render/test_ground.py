from __future__ import annotations

import numpy as np

from kiln.render.camera import Camera
from kiln.render.ground import contact_shadow
from kiln.render.view import prepare, shoot
from kiln.render.wire import edge_coverage
from shapes import cube, mesh


def test_the_floor_is_dark_under_the_subject_and_bright_far_away() -> None:
    shadow = contact_shadow(cube())
    rows, columns = shadow.darkness.shape
    assert shadow.floor == -0.5
    assert shadow.darkness[rows // 2, columns // 2] > 0.7
    assert shadow.darkness[0, 0] < 0.05
    assert shadow.darkness.max() <= 1


def test_what_hangs_higher_casts_a_fainter_shadow() -> None:
    low = mesh([(0, 0, 0), (1, 0, 0), (0, 0, 1), (5, 3, 5)], [(0, 1, 2), (1, 3, 2)])
    shadow = contact_shadow(low)

    def at(x: float, z: float) -> float:
        return float(shadow.darkness[int((z - shadow.corner[1]) / shadow.cell), int((x - shadow.corner[0]) / shadow.cell)])

    assert at(0.3, 0.3) > at(3.5, 3.5)


def test_a_camera_sees_the_shadow_where_the_subject_stands() -> None:
    shadow = contact_shadow(cube())
    camera = Camera(elevation_degrees=40.0).fitted(cube().positions, margin=0.3)
    seen = shadow.seen_by(camera, width=60, height=60)
    foot, _, _ = camera.project(np.array([(0, -0.5, 0)], np.float32), width=60, height=60)
    column, row = foot[0].astype(int)
    assert seen[row, column] > 0.6
    assert seen[0].max() < 0.05


def test_a_level_or_low_camera_sees_no_floor_above_the_horizon() -> None:
    shadow = contact_shadow(cube())
    assert shadow.seen_by(Camera(half_height=1.0), width=8, height=8).max() == 0
    assert shadow.seen_by(Camera(elevation_degrees=-20.0, half_height=1.0), width=8, height=8).max() == 0


def test_edges_are_drawn_where_triangles_meet_and_not_inside_them() -> None:
    square = mesh([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [(0, 1, 2), (0, 2, 3)])
    subject = prepare(square)
    drawn = edge_coverage(shoot(subject, Camera(half_height=1.25), width=100, height=100), line_width=2.0)
    assert drawn[50, 50] > 0.8  # the diagonal
    assert drawn[70, 60] == 0 and drawn[30, 40] == 0
    assert drawn[5, 50] == 0  # outside
    assert drawn[50, 10] + drawn[50, 11] > 0.5  # the rim
