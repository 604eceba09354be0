"""WebP maps as another decoder sees them: OpenCV's, not the encoder's own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.formats.webp import MOST_DATA_LEVELS, MOST_NORMAL_DEGREES, encode_webp_color, encode_webp_data, encode_webp_normal


def decoded(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def is_lossless(data: bytes) -> bool:
    return data[12:16] == b"VP8L"


def waves(amplitude: float, length: float) -> np.ndarray:
    """Normals of a rippled sheet."""
    x = np.arange(128) / length
    slope = amplitude * np.stack(np.broadcast_arrays(np.sin(x)[None], np.cos(x * 0.7)[:, None]), axis=-1)
    vectors = np.concatenate([slope, np.ones((128, 128, 1))], axis=-1)
    return np.round(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) * 127.5 + 127.5).astype(np.uint8)


def unit(pixels: np.ndarray) -> np.ndarray:
    vectors = pixels / 127.5 - 1
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def noise(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64, channels), dtype=np.uint8)


@pytest.mark.parametrize(("amplitude", "length", "lossless"), [(0.0, 1, False), (0.5, 20, False), (1.5, 0.8, True)])
def test_normals_stay_within_their_angle(amplitude: float, length: float, lossless: bool) -> None:
    pixels = waves(amplitude, length)
    data = encode_webp_normal(pixels)
    cosine = np.clip((unit(decoded(data)) * unit(pixels)).sum(axis=-1), -1, 1)
    assert np.quantile(np.degrees(np.arccos(cosine)), 0.99) <= MOST_NORMAL_DEGREES
    assert is_lossless(data) == lossless


def test_smooth_data_are_lossy_and_near() -> None:
    ramp = np.linspace(0, 255, 256)
    pixels = np.stack([np.tile(ramp, (256, 1)), np.tile(ramp[:, None], (1, 256)), np.full((256, 256), 40)], axis=-1).astype(np.uint8)
    data = encode_webp_data(pixels)
    assert not is_lossless(data)
    assert np.quantile(np.abs(decoded(data).astype(int) - pixels).max(axis=-1), 0.99) <= MOST_DATA_LEVELS


def test_wild_data_are_exact() -> None:
    data = encode_webp_data(noise(3))
    assert is_lossless(data)
    assert np.array_equal(decoded(data), noise(3))


def test_alpha_is_kept_exactly() -> None:
    pixels = noise(4)
    found = decoded(encode_webp_color(pixels))
    assert np.array_equal(found[..., 3], pixels[..., 3])


@pytest.mark.parametrize("size", [1, 3])
def test_the_smallest_maps(size: int) -> None:
    flat = np.full((size, size, 3), (128, 128, 255), np.uint8)
    for encode in (encode_webp_color, encode_webp_normal, encode_webp_data):
        assert np.abs(decoded(encode(flat)).astype(int) - flat).max() <= 4
