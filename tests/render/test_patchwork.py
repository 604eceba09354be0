"""Views as matrices, and texture laid on from them."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Material
from kiln.render.camera import Camera
from kiln.render.patchwork import viewpoint
from kiln.render.repaint import repaint
from shapes import cube, sphere


@pytest.mark.parametrize("perspective", [True, False])
def test_a_viewpoint_projects_as_its_camera_does(perspective: bool) -> None:
    points = sphere().positions
    camera = Camera(azimuth_degrees=35.0, elevation_degrees=20.0).fitted(points, perspective=perspective)
    view = viewpoint(camera, width=300, height=200)
    for ours, theirs in zip(view.project(points), camera.project(points, width=300, height=200), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert view.towards(points)[0] @ camera.axes[2] > 0.9
    assert view.pixels_per_metre == pytest.approx(100 / camera.half_height)


def test_a_material_that_does_not_say_what_was_guessed_is_refused() -> None:
    white = np.full((8, 8, 4), 255, np.uint8)
    with pytest.raises(ValueError, match="guessed"):
        repaint(cube(), Material(base_color=white))
    with pytest.raises(ValueError, match="one size"):
        repaint(cube(), Material(base_color=white, guessed=np.zeros((4, 4), np.uint8)))
