from __future__ import annotations

import numpy as np

from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.sample import sample_bilinear


def test_encoding_and_decoding_are_inverse() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(linear_to_srgb(srgb_to_linear(every)), every)


def test_known_values() -> None:
    assert np.allclose(srgb_to_linear(np.array([0, 188, 255], np.uint8)), [0, 0.5029, 1], atol=1e-4)
    assert linear_to_srgb(np.array([-1, 0.5, 2], np.float32)).tolist() == [0, 188, 255]


def test_sampling_at_centres_gives_the_pixels_and_between_them_the_mean() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    centres = np.array([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75), (0.5, 0.5)], np.float32)
    sampled = sample_bilinear(pixels, centres)
    assert np.allclose(sampled[:4], pixels.reshape(4, 3))
    assert np.allclose(sampled[4], pixels.reshape(4, 3).mean(axis=0))


def test_outside_repeats_the_edge_or_wraps() -> None:
    pixels = np.array([[[0], [100]]], np.uint8)
    outside = np.array([(1.75, 0.5)], np.float32)
    assert sample_bilinear(pixels, outside)[0, 0] == 100
    assert np.isclose(sample_bilinear(pixels, outside, wrap=True)[0, 0], 100)
    assert np.isclose(sample_bilinear(pixels, outside - np.float32([0.5, 0]), wrap=True)[0, 0], 0)
