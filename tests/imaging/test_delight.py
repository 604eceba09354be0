"""Light goes, paint stays."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.delight import LUMINANCE, fit_light, light_at, light_basis, without_light

ROWS, COLUMNS = 60, 120


def ball() -> tuple[np.ndarray, np.ndarray]:
    """Normals of a ball on a grid of latitudes and longitudes, and its neighbours."""
    theta, phi = np.meshgrid(np.pi * (np.arange(ROWS) + 0.5) / ROWS, 2 * np.pi * np.arange(COLUMNS) / COLUMNS, indexing="ij")
    normals = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], axis=2).reshape(-1, 3)
    number = np.arange(ROWS * COLUMNS, dtype=np.int32).reshape(ROWS, COLUMNS)
    pairs = [np.stack([a.ravel(), b.ravel()], axis=1) for a, b in ((number, np.roll(number, -1, 1)), (number[:-1], number[1:]))]
    return normals.astype(np.float32), np.concatenate(pairs)


NORMALS, PAIRS = ball()
BASIS = light_basis(NORMALS, np.ones(len(NORMALS), np.float32))
LAMP = np.array((0.4, 0.8, 0.45), np.float32)
LIT = 0.25 + 0.9 * np.maximum(NORMALS @ LAMP, 0)[:, None]
CHECKS = np.kron((np.add.outer(np.arange(6), np.arange(12)) % 2), np.ones((10, 10))).reshape(-1, 1).astype(np.float32)
PAINTS = {
    "plain": np.full((len(NORMALS), 3), 0.4, np.float32),
    "two greys": 0.2 + 0.3 * CHECKS.repeat(3, axis=1),
    "two hues": np.where(CHECKS > 0, np.float32((0.5, 0.3, 0.2)), np.float32((0.15, 0.15, 0.3))),
}


@pytest.mark.parametrize("paint", PAINTS)
def test_most_of_a_lamps_shading_goes(paint: str) -> None:
    color = linear_to_srgb((PAINTS[paint] * LIT).astype(np.float32))
    light = light_at(BASIS, fit_light(srgb_to_linear(color), BASIS, PAIRS))
    result = without_light(color, light, strength=1.0)

    def shading(pixels: np.ndarray) -> float:
        return float(np.log(srgb_to_linear(pixels) @ LUMINANCE / (PAINTS[paint] @ LUMINANCE)).var())

    assert shading(result) < 0.2 * shading(color)
    assert shading(result) < shading(without_light(color, light, strength=0.5)) < shading(color)


@pytest.mark.parametrize("paint", PAINTS)
def test_paint_without_light_comes_out_unchanged(paint: str) -> None:
    color = linear_to_srgb(PAINTS[paint])
    coefficients = fit_light(srgb_to_linear(color), BASIS, PAIRS)
    assert not coefficients.any()
    assert np.array_equal(without_light(color, light_at(BASIS, coefficients), strength=1.0), color)


def test_what_is_hidden_from_the_sky_is_brightened_if_it_was_darkened() -> None:
    openness = (0.65 + 0.35 * np.sin(9 * NORMALS[:, 0] + 5 * NORMALS[:, 1])).astype(np.float32)
    basis = light_basis(NORMALS, openness)
    color = linear_to_srgb(PAINTS["plain"] * openness[:, None])
    coefficients = fit_light(srgb_to_linear(color), basis, PAIRS)
    assert coefficients[-1] == pytest.approx(1, abs=0.1)
    assert np.abs(coefficients[:-1]).max() < 0.1


def test_hue_and_mean_luminance_stay_and_so_does_the_range_of_paint() -> None:
    color = np.array([(200, 100, 50), (60, 30, 15), (130, 130, 130), (128, 60, 20)], np.uint8)
    light = np.array([1.5, 0.5, 1.0, 1.0], np.float32)
    result = without_light(color, light, strength=1.0)
    before, after = srgb_to_linear(color), srgb_to_linear(result)
    assert (after @ LUMINANCE).mean() == pytest.approx((before @ LUMINANCE).mean(), rel=0.05)
    assert after / after.sum(axis=1, keepdims=True) == pytest.approx(before / before.sum(axis=1, keepdims=True), abs=0.02)
    dark = without_light(np.array([(250, 250, 250), (220, 220, 220)], np.uint8), np.float32([1, 0.2]), strength=1.0)
    assert dark[1].max() <= 243


def test_too_few_neighbours_tell_nothing() -> None:
    assert not fit_light(srgb_to_linear(linear_to_srgb(PAINTS["plain"] * LIT)), BASIS, PAIRS[:100]).any()
