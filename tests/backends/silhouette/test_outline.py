"""The outline: sub-pixel, robust, nothing thin is lost."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.backends.silhouette.outline import signed_distance, trace_outline
from kiln.errors import PictureError


def disc(radius: float, *, size: int = 64, at: tuple[float, float] | None = None) -> np.ndarray:
    """An anti-aliased disc; `at` is its middle (x, y) in pixels."""
    x0, y0 = at or (size / 2, size / 2)
    y, x = np.mgrid[:size, :size] + 0.5
    return (np.clip(radius - np.hypot(x - x0, y - y0) + 0.5, 0, 1) * 255).round().astype(np.uint8)


def test_signed_distance_of_a_disc_is_right_to_a_tenth_of_a_pixel_at_the_rim() -> None:
    y, x = np.mgrid[:64, :64] + 0.5
    true = 20.3 - np.hypot(x - 31.7, y - 32.2)
    found = signed_distance(disc(20.3, at=(31.7, 32.2)))
    assert np.abs(found - true)[np.abs(true) < 0.5].max() < 0.1
    assert np.abs(found - true)[np.abs(true) < 12].max() < 0.7
    assert ((found > 0) == (true > 0)).mean() > 0.999


def test_samples_lie_where_the_frame_says() -> None:
    outline = trace_outline(disc(20.0, size=80, at=(30.0, 45.0)))
    grid = outline.sample(0.02)
    true = 0.5 - np.hypot(grid.x(), grid.y() - 0.5)  # the disc is 40 pixels tall, so 1 m
    near = np.abs(true) < 0.1
    assert np.abs(grid.distance - true)[near].max() < 0.015
    np.testing.assert_allclose(grid.x() + grid.x()[::-1], 0, atol=1e-6)


@pytest.mark.parametrize("spacing", [0.005, 0.02, 0.05])
def test_a_line_one_pixel_wide_survives_any_grid(spacing: float) -> None:
    alpha = np.zeros((100, 60), np.uint8)
    alpha[:, 30] = 255
    alpha[99, 10:50] = 255
    inside = trace_outline(alpha).sample(spacing).inside
    rows = np.flatnonzero(inside.any(axis=0))
    assert len(rows) * spacing == pytest.approx(1, abs=2.5 * spacing)
    assert (np.diff(rows) == 1).all()


def test_subject_that_fills_the_picture_still_has_an_outside() -> None:
    grid = trace_outline(np.full((30, 20), 255, np.uint8)).sample(0.02)
    edge = np.concatenate([grid.distance[0], grid.distance[-1], grid.distance[:, 0], grid.distance[:, -1]])
    assert (edge < 0).all()
    assert grid.inside.sum() * grid.spacing**2 == pytest.approx(2 / 3, rel=0.05)


def test_dust_goes_and_parts_and_holes_stay() -> None:
    alpha = np.zeros((120, 120), np.uint8)
    alpha[20:100, 20:60] = 255
    alpha[20:100, 80:100] = 255  # a part of its own
    alpha[50:58, 30:38] = 0  # a hole
    alpha[70, 40] = 0  # a pinhole
    alpha[5, 5] = 255  # a speck
    outline = trace_outline(alpha)
    assert outline.notes == ("1 separate speck in the matte removed", "1 pinhole in the matte filled")
    inside = outline.distance > 0
    assert inside.sum() == pytest.approx(80 * 60 - 64, abs=12)  # smoothing rounds the corners
    assert outline.frame.bottom == 100


def test_solidity_fills_holes_and_sees_gaps() -> None:
    ring = np.minimum(disc(28.0), 255 - disc(14.0))
    cross = np.zeros((64, 64), np.uint8)
    cross[28:36, 4:60] = cross[4:60, 28:36] = 255
    assert trace_outline(ring).solidity == pytest.approx(1, abs=0.02)
    assert trace_outline(cross).solidity == pytest.approx((2 * 56 * 8 - 64) / (56**2 - 2 * 24**2), abs=0.05)


def test_an_empty_matte_is_refused_with_a_cure() -> None:
    with pytest.raises(PictureError, match="cutout"):
        trace_outline(np.full((8, 8), 100, np.uint8))


def test_a_few_pixels_are_refused_with_their_size() -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[2:5, 2:4] = 255
    with pytest.raises(PictureError, match="2 x 3 pixels"):
        trace_outline(alpha)
