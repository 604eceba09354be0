"""Mip chains: each level half as large as the one before, down to a single texel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset.srgb import decode_srgb, encode_srgb

_LEAST_ALPHA: Final = np.float32(1e-5)
"""What colour counts where nothing is visible: enough to keep it where all around is invisible, too."""


def mip_chain(
    pixels: UInt8[np.ndarray, "height width channels"], *, srgb: bool, normal: bool = False
) -> Iterator[UInt8[np.ndarray, "h w channels"]]:
    """The picture and its smaller levels, filtered in linear light; 3 or 4 channels, alpha last.

    Colours count by their alpha, so that what is invisible does not bleed in. Vectors of a normal map are made unit length again.
    """
    yield pixels
    height, width = pixels.shape[:2]
    linear = _linear(pixels, srgb=srgb)
    while max(height, width) > 1:
        height, width = max(1, height // 2), max(1, width // 2)
        linear = cv2.resize(linear, (width, height), interpolation=cv2.INTER_AREA)
        yield _bytes(_unit(linear) if normal else linear, srgb=srgb)


def _linear(pixels: UInt8[np.ndarray, "h w k"], *, srgb: bool) -> Float32[np.ndarray, "h w k"]:
    """Linear values, 0 to 1, colours multiplied by alpha."""
    levels = np.arange(256) / 255
    linear = np.take((decode_srgb(levels) if srgb else levels).astype(np.float32), pixels)
    if pixels.shape[2] == 4:
        linear[..., 3] = pixels[..., 3] / np.float32(255)
        linear[..., :3] *= np.maximum(linear[..., 3:], _LEAST_ALPHA)
    return linear


def _unit(linear: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    vectors = 2 * linear - 1
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), np.float32(1e-6)) + 1) / 2


def _bytes(linear: Float32[np.ndarray, "h w k"], *, srgb: bool) -> UInt8[np.ndarray, "h w k"]:
    values = linear.astype(np.float64)
    if linear.shape[2] == 4:
        values[..., :3] /= np.maximum(values[..., 3:], _LEAST_ALPHA)
    if srgb:
        values[..., :3] = encode_srgb(values[..., :3].clip(0, 1))
    return np.round(values.clip(0, 1) * 255).astype(np.uint8)
