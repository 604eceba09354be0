from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.matting import decontaminate, signed_distance, soft_edge

SUBJECT, BACKGROUND = np.float32([0.8, 0.2, 0.1]), np.float32([0.3, 0.6, 0.9])


def disc(size: int = 64, radius: float = 20.3) -> np.ndarray:
    """True alpha of an antialiased disc."""
    y, x = np.mgrid[:size, :size] + 0.5
    return np.clip(radius - np.hypot(x - size / 2, y - size / 2) + 0.5, 0, 1).astype(np.float32)


def composite(alpha: np.ndarray) -> np.ndarray:
    return alpha[..., None] * SUBJECT + (1 - alpha[..., None]) * BACKGROUND


def test_alpha_of_a_plain_disc_is_recovered() -> None:
    alpha = disc()
    found = soft_edge(composite(alpha), alpha > 0.5, band=2.0)
    assert np.abs(found - alpha).max() < 0.03


def test_an_outline_that_is_off_by_a_pixel_is_corrected() -> None:
    alpha = disc()
    found = soft_edge(composite(alpha), np.roll(alpha > 0.5, 1, axis=1), band=3.0)
    assert np.abs(found - alpha).max() < 0.05


def test_the_outline_decides_where_colours_are_alike() -> None:
    inside = disc() > 0.5
    found = soft_edge(np.full((64, 64, 3), 0.5, np.float32), inside, band=2.0)
    np.testing.assert_array_equal(found > 0.5, inside)


def test_signed_distance_is_half_a_pixel_at_the_outline() -> None:
    inside = np.zeros((1, 6), bool)
    inside[:, 3:] = True
    np.testing.assert_allclose(signed_distance(inside), [[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]], atol=0.3)


@pytest.mark.parametrize("background", [True, False])
def test_no_background_is_left_in_the_subjects_colours(background: bool) -> None:
    alpha = disc()
    shown = composite(alpha) if background else np.where(alpha[..., None] > 0, SUBJECT, 0)
    pixels = np.round(np.dstack([shown, alpha]) * 255).astype(np.uint8)
    cleaned = decontaminate(pixels, background=background)
    np.testing.assert_array_equal(cleaned[..., 3], pixels[..., 3])
    np.testing.assert_array_equal(cleaned[alpha == 1], pixels[alpha == 1])
    assert np.abs(cleaned[..., :3] / 255 - SUBJECT).max() < 0.02


def test_a_subject_that_is_never_opaque_keeps_its_colour() -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 5:15] = (200, 100, 50, 120)
    cleaned = decontaminate(pixels, background=False)
    assert np.abs(cleaned[..., :3].astype(int) - (200, 100, 50)).max() <= 1
