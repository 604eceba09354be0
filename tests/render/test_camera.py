from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import VIEW_AZIMUTH_DEGREES
from kiln.render.camera import Camera, turntable
from shapes import cube, mesh, sphere


@pytest.mark.parametrize(
    ("view", "right", "towards"),
    [
        ("front", (1, 0, 0), (0, 0, 1)),
        ("left", (0, 0, -1), (1, 0, 0)),
        ("back", (-1, 0, 0), (0, 0, -1)),
        ("right", (0, 0, 1), (-1, 0, 0)),
    ],
)
def test_views_stand_where_the_conventions_say(view: str, right: tuple[int, ...], towards: tuple[int, ...]) -> None:
    axes = Camera(azimuth_degrees=VIEW_AZIMUTH_DEGREES[view]).axes
    np.testing.assert_allclose(axes, [right, (0, 1, 0), towards], atol=1e-12)


def test_an_elevated_camera_looks_down_and_its_axes_stay_a_right_handed_frame() -> None:
    axes = Camera(azimuth_degrees=37.0, elevation_degrees=20.0).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-12)
    assert axes[2, 1] == pytest.approx(math.sin(math.radians(20)))


def test_orthographic_pixels() -> None:
    points = np.array([(0, 0, 0), (1, 1, 5), (-1, -1, -5)], np.float32)
    pixels, depth, w = Camera(half_height=2.0).project(points, width=80, height=40)
    np.testing.assert_allclose(pixels, [(40, 20), (50, 10), (30, 30)])
    np.testing.assert_allclose(depth, [0, -5, 5])
    np.testing.assert_allclose(w, 1)


def test_perspective_shows_near_things_larger_and_depth_orders_them() -> None:
    camera = Camera(half_height=1.0, distance=4.0)
    points = np.array([(1, 0, 0), (1, 0, 2), (1, 0, -4)], np.float32)
    pixels, depth, w = camera.project(points, width=200, height=200)
    np.testing.assert_allclose(pixels[:, 0] - 100, [100, 200, 50])
    assert depth[1] < depth[0] < depth[2]
    np.testing.assert_allclose(w, [1, 0.5, 2])


def test_perspective_depth_is_affine_along_a_straight_line_of_pixels() -> None:
    ends = np.array([(-1, 0, 1), (1, 0, -2)], np.float32)
    inner = ends[0] + np.linspace(0, 1, 7, dtype=np.float32)[:, None] * (ends[1] - ends[0])
    pixels, depth, _ = Camera(half_height=1.0, distance=5.0).project(inner, width=100, height=100)
    share = (pixels[:, 0] - pixels[0, 0]) / (pixels[-1, 0] - pixels[0, 0])
    np.testing.assert_allclose(depth, depth[0] + share * (depth[-1] - depth[0]), atol=1e-6)


@pytest.mark.parametrize("perspective", [True, False])
def test_a_fitted_camera_shows_every_point_and_leaves_exactly_the_margin(perspective: bool) -> None:
    shape = cube().moved(offset=np.array([3, -7, 2], np.float32))
    camera = Camera(azimuth_degrees=33.0, elevation_degrees=15.0).fitted(shape.positions, margin=0.1, aspect=1.5, perspective=perspective)
    pixels, _, w = camera.project(shape.positions, width=300, height=200)
    reach = np.abs(pixels / (300, 200) - 0.5).max()
    assert reach == pytest.approx(0.4, abs=1e-6)
    assert (w > 0).all()


def test_rays_pass_through_what_their_pixels_show() -> None:
    camera = replace(Camera(azimuth_degrees=70.0, elevation_degrees=25.0, target=(1.0, 2.0, 3.0)), half_height=2.0, distance=9.0)
    origins, directions = camera.rays(width=8, height=6)
    seen = (origins + 0.7 * directions).reshape(-1, 3).astype(np.float32)
    pixels, _, _ = camera.project(seen, width=8, height=6)
    columns, rows = np.meshgrid(np.arange(8) + 0.5, np.arange(6) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([columns.ravel(), rows.ravel()], axis=1), atol=1e-5)


def test_a_turntable_keeps_the_subjects_size_and_shows_all_of_it() -> None:
    plank = mesh([(-3, 0, 0), (3, 0, 0), (3, 1, 0)], [(0, 1, 2)])
    cameras = turntable(plank.positions, count=8)
    assert [camera.azimuth_degrees for camera in cameras] == [0, 45, 90, 135, 180, 225, 270, 315]
    assert len({(camera.distance, camera.half_height) for camera in cameras}) == 1
    for camera in cameras:
        pixels, _, _ = camera.project(plank.positions, width=100, height=100)
        assert pixels.min() >= 0 and pixels.max() <= 100


def test_a_point_can_be_looked_at() -> None:
    camera = Camera().fitted(sphere(3, 3).positions * np.float32(0))
    assert camera.half_height > 0 and math.isfinite(camera.distance)
