from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.kernels.shade import sample, shoulder
from kiln.render.textures import DECODE_SRGB, plain, pyramid

LINEAR = (np.arange(256) / 255).astype(np.float32)


def test_levels_halve_until_they_are_small_and_lie_one_after_another() -> None:
    made = pyramid(np.zeros((64, 128, 3), np.uint8), srgb=False)
    np.testing.assert_array_equal(made.levels, [(0, 128, 64), (8192, 64, 32), (8192 + 2048, 32, 16)])
    assert len(made.texels) == 8192 + 2048 + 512
    assert made.octaves == pytest.approx(6.5)


@pytest.mark.parametrize("side", [64, 66])
def test_srgb_maps_are_averaged_in_linear_light_and_alpha_is_not(side: int) -> None:
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[::2] = 255
    made = pyramid(pixels, srgb=True)
    half = made.texels[made.levels[1, 0]]
    expected = linear_to_srgb(np.float32([0.5]))[0]
    assert tuple(half) == pytest.approx((expected, expected, expected, 127.5), abs=1)


def test_a_flat_colour_stays_itself_on_every_level() -> None:
    for value in range(0, 256, 5):
        assert np.unique(pyramid(np.full((64, 64, 3), value, np.uint8), srgb=True).texels).tolist() == [value]


def reference(pixels: np.ndarray, u: float, v: float, decode: np.ndarray) -> np.ndarray:
    """Bilinear, wrapping, from the definition."""
    height, width = pixels.shape[:2]
    x, y = u * width - 0.5, v * height - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(3)
    for dj in (0, 1):
        for di in (0, 1):
            weight = (1 - abs(x - (i + di))) * (1 - abs(y - (j + dj)))
            total += weight * decode[pixels[(j + dj) % height, (i + di) % width, :3]]
    return total


def test_sampling_equals_the_definition_and_wraps() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    made = pyramid(pixels, srgb=False)
    for u, v in random.uniform(-2, 2, (50, 2)).tolist():
        found = sample(made.texels, made.levels, 0.0, u, v, LINEAR)
        np.testing.assert_allclose(found[:3], reference(pixels, u % 1, v % 1, LINEAR), atol=1e-6)
        assert found[3] == 1


def test_texel_centres_are_exact_and_the_level_is_rounded_and_clipped() -> None:
    pixels = np.arange(32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    made = pyramid(pixels, srgb=False)
    for level, row in ((-3.0, 0), (0.49, 0), (0.51, 1), (9.0, 1)):
        first, width, height = made.levels[row]
        expected = made.texels[first + 3 * width + 2]
        found = sample(made.texels, made.levels, level, 2.5 / width, 3.5 / height, LINEAR)
        np.testing.assert_allclose(np.array(found[:3]) * 255, expected, atol=1e-4)


def test_a_missing_map_is_one_texel() -> None:
    made = plain(128, 128, 255)
    np.testing.assert_allclose(sample(made.texels, made.levels, 3.0, 0.3, 0.7, LINEAR)[:3], (128 / 255, 128 / 255, 1), atol=1e-6)


def test_the_decoding_table_is_srgb() -> None:
    np.testing.assert_array_equal(DECODE_SRGB, srgb_to_linear(np.arange(256, dtype=np.uint8)))


def test_the_shoulder_keeps_what_is_dark_and_never_reaches_white() -> None:
    values = np.linspace(0, 8, 400)
    out = np.array([shoulder(float(v)) for v in values])
    np.testing.assert_allclose(out[values <= 0.8], values[values <= 0.8])
    assert (np.diff(out) >= 0).all() and out.max() <= 1
