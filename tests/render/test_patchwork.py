"""Views as matrices, and texture laid on from them."""

from __future__ import annotations

import pytest

from kiln.render.camera import Camera
from kiln.render.patchwork import viewpoint
from shapes import sphere


@pytest.mark.parametrize("perspective", [True, False])
def test_a_viewpoint_projects_as_its_camera_does(perspective: bool) -> None:
    points = sphere().positions
    camera = Camera(azimuth_degrees=35.0, elevation_degrees=20.0).fitted(points, perspective=perspective)
    view = viewpoint(camera, width=300, height=200)
    for ours, theirs in zip(view.project(points), camera.project(points, width=300, height=200), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert view.towards(points)[0] @ camera.axes[2] > 0.9
    assert view.pixels_per_metre == pytest.approx(100 / camera.half_height)
