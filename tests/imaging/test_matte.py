from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.matte import border, bounding_box, confidence, crop


def test_the_box_holds_what_is_set_and_no_more() -> None:
    mask = np.zeros((9, 7), bool)
    mask[2, 3] = mask[5, 1] = True
    assert bounding_box(mask) == (2, 6, 1, 4)


def test_the_border_has_each_outermost_pixel_once() -> None:
    pixels = np.arange(12).reshape(3, 4)
    assert sorted(border(pixels).tolist()) == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]


def test_confidence_counts_parts_and_border() -> None:
    alpha = np.zeros((10, 10), np.uint8)
    alpha[0, :5] = 255
    alpha[5:9, 5:9] = 255
    alpha[5, 5] = 128
    measures = confidence(alpha)
    assert measures["coverage"] == pytest.approx(0.21)
    assert measures["border_touch"] == pytest.approx(5 / 36)
    assert measures["components"] == 2
    assert measures["largest_component"] == pytest.approx(16 / 21)
    assert measures["softness"] == pytest.approx(1 / 21)


def test_crop_leaves_the_margin_even_beyond_the_border() -> None:
    pixels = np.zeros((20, 40, 4), np.uint8)
    pixels[0:10, 5:25] = 255
    cropped = crop(pixels, margin=0.2)
    assert cropped.shape == (18, 28, 4)
    assert (cropped[4:14, 4:24] == 255).all()
    assert np.count_nonzero(cropped[..., 3]) == 200
