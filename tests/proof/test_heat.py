from __future__ import annotations

import numpy as np

from kiln.imaging.color import srgb_to_linear
from kiln.proof.heat import COLORS, NORMALS, UNKNOWN, Scale


def test_larger_errors_are_lighter_in_even_steps_for_everybody() -> None:
    """Lightness alone, which the colour-blind and grey printers see, rises all along."""
    colors = NORMALS.colors(np.linspace(0, NORMALS.top, 64, dtype=np.float32)[None])[0]
    luminance = srgb_to_linear(colors) @ np.array([0.2126, 0.7152, 0.0722])
    lightness = np.cbrt(luminance)
    assert np.diff(lightness).min() > 0
    assert np.diff(lightness).max() < 3 * np.diff(lightness).mean()


def test_beyond_the_scale_is_its_end_and_unknown_is_grey() -> None:
    colors = Scale(top=2.0, unit="°").colors(np.array([[2.0, 9.0, np.nan]], np.float32))
    assert np.array_equal(colors[0, 0], colors[0, 1])
    assert tuple(colors[0, 2]) == UNKNOWN
    assert np.ptp(colors[0, 0]) > 60


def test_the_scale_is_stamped_into_the_corner_only() -> None:
    plain = np.full((240, 240, 3), 90, np.uint8)
    stamped = COLORS.stamped(plain)
    assert np.array_equal(stamped[:120], plain[:120]) and np.array_equal(stamped[:, :60], plain[:, :60])
    assert not np.array_equal(stamped, plain)
