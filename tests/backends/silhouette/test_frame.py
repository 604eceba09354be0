"""Pixels and metres, and where each view's camera stands."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import VIEW_AZIMUTH_DEGREES, Picture
from kiln.backends.silhouette.frame import PictureFrame, PlacedView

ALPHA = np.zeros((20, 30), np.uint8)
ALPHA[4:14, 6:12] = 255


def test_the_mattes_box_is_one_metre_tall_and_stands_on_the_ground() -> None:
    frame = PictureFrame.of_matte(ALPHA)
    np.testing.assert_allclose(frame.to_metres(np.array([[6.0, 4.0], [12.0, 14.0]])), [[-0.3, 1.0], [0.3, 0.0]])


def test_there_and_back() -> None:
    frame = PictureFrame.of_matte(ALPHA)
    pixels = np.array([[1.5, 2.25], [29.0, 19.0]])
    np.testing.assert_allclose(frame.to_pixels(frame.to_metres(pixels)), pixels)


@pytest.mark.parametrize(
    ("view", "point"), [("front", (0.3, 0, 0)), ("left", (0, 0, -0.3)), ("back", (-0.3, 0, 0)), ("right", (0, 0, 0.3))]
)
def test_each_view_sees_this_point_at_the_boxs_right_hand_lower_corner(view: str, point: tuple[float, ...]) -> None:
    picture = Picture(pixels=np.dstack([ALPHA] * 4), name="box")
    azimuth = VIEW_AZIMUTH_DEGREES[view]  # type: ignore[index]
    placed = PlacedView(picture=picture, azimuth_degrees=azimuth, frame=PictureFrame.of_matte(ALPHA))
    np.testing.assert_allclose(placed.project(np.array([point], np.float32)), [[12 / 30, 14 / 20]], atol=1e-6)
