"""Smaller maps keep what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.shrink import fitting_size, shrink


def checker(low: int, high: int, channels: int = 3) -> np.ndarray:
    board = np.indices((8, 8)).sum(axis=0) % 2
    return np.repeat(np.where(board, high, low).astype(np.uint8)[..., None], channels, axis=2)


def test_colors_are_averaged_in_linear_light() -> None:
    # Half the light of white is sRGB 188, not 128.
    assert set(np.unique(shrink(checker(0, 255), (4, 4), kind="color"))) == {188}


def test_data_are_averaged_as_they_are() -> None:
    assert set(np.unique(shrink(checker(0, 255), (4, 4), kind="data"))) <= {127, 128}


def test_what_cannot_be_seen_does_not_bleed() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, ::2] = (200, 100, 50, 255)
    pixels[:, 1::2] = (0, 255, 0, 0)
    small = shrink(pixels, (2, 2), kind="color")
    assert np.abs(small[..., :3].astype(int) - (200, 100, 50)).max() <= 1
    assert set(np.unique(small[..., 3])) <= {127, 128}


def test_colors_of_clear_texels_stay() -> None:
    pixels = np.full((4, 4, 4), (90, 60, 30, 0), np.uint8)
    assert np.abs(shrink(pixels, (2, 2), kind="color").astype(int) - (90, 60, 30, 0)).max() <= 1


def test_normals_stay_unit_vectors() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(64, 64, 3)) * (0.4, 0.4, 0.1) + (0, 0, 1)
    pixels = np.round(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) * 127.5 + 127.5).astype(np.uint8)
    length = np.linalg.norm(shrink(pixels, (16, 16), kind="normal") / 127.5 - 1, axis=-1)
    assert np.abs(length - 1).max() < 0.01
    flat = np.full((8, 8, 3), (128, 128, 255), np.uint8)
    assert np.array_equal(shrink(flat, (2, 2), kind="normal"), flat[:2, :2])


def test_opposite_normals_become_flat() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0], pixels[1] = (255, 128, 128), (0, 127, 127)
    assert np.array_equal(shrink(pixels, (1, 1), kind="normal")[0, 0], (128, 128, 255))


def test_a_map_that_fits_is_the_same_object() -> None:
    pixels = checker(3, 9)
    assert shrink(pixels, (8, 8), kind="color") is pixels


@pytest.mark.parametrize(
    ("shape", "longest", "multiple", "size"),
    [
        ((2048, 2048, 3), 1024, 1, (1024, 1024)),
        ((512, 2048, 3), 1024, 1, (1024, 256)),
        ((100, 60, 3), 2048, 1, (60, 100)),
        ((1, 9000, 3), 64, 1, (64, 1)),
        ((5, 3, 3), 64, 4, (4, 4)),
        ((1000, 30, 3), 500, 4, (16, 500)),
    ],
)
def test_sizes_keep_their_shape(shape: tuple[int, ...], longest: int, multiple: int, size: tuple[int, int]) -> None:
    assert fitting_size(shape, longest, multiple=multiple) == size
