"""Textures made ready for a renderer: each map with its smaller copies, so that a distant surface does not shimmer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from kiln.asset.freeze import freeze_arrays
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.kernels import in_threads
from kiln.kernels.shade import halve

DECODE_SRGB = srgb_to_linear(np.arange(256, dtype=np.uint8))
_ENCODE_SRGB = linear_to_srgb(np.linspace(0, 1, 4097, dtype=np.float32))

_SMALLEST = 16
"""Pixels on the shorter side at which the pyramid ends."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pyramid:
    """All levels of one map, one after another."""

    texels: UInt8[np.ndarray, "texels channels"]
    levels: Int64[np.ndarray, "levels 3"]
    """First texel, width and height of each level, largest first."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def level(self, number: int) -> UInt8[np.ndarray, "height width channels"]:
        """One level's texels."""
        first, width, height = self.levels[number].tolist()
        return self.texels[first : first + width * height].reshape(height, width, -1)

    @property
    def octaves(self) -> float:
        """Base-2 logarithm of the largest level's side (geometric mean of width and height)."""
        return 0.5 * math.log2(float(self.levels[0, 1] * self.levels[0, 2]))


def plain(*value: int) -> Pyramid:
    """A map of one texel, for a map that a material lacks."""
    return Pyramid(texels=np.array([value], np.uint8), levels=np.array([(0, 1, 1)], np.int64))


def _halved(pixels: UInt8[np.ndarray, "height width channels"], *, srgb: bool) -> UInt8[np.ndarray, "half_height half_width channels"]:
    height, width, channels = pixels.shape
    if not srgb or height % 2 or width % 2:  # an odd side cannot be cut in halves; maps of games have none
        return cv2.resize(pixels, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    half = np.empty((height // 2, width // 2, channels), np.uint8)
    in_threads(lambda first, last: halve(pixels, DECODE_SRGB, _ENCODE_SRGB, half, first, last), len(half), at_least=64)
    return half


def pyramid(pixels: UInt8[np.ndarray, "height width channels"], *, srgb: bool) -> Pyramid:
    """The map and its halves, quarters and so on; sRGB maps are averaged in linear light."""
    levels = [np.array(pixels)]  # a copy: kernels take one kind of array only, and maps are read-only views
    while min(levels[-1].shape[:2]) >= 2 * _SMALLEST:
        levels.append(_halved(levels[-1], srgb=srgb))
    counts = [level.shape[0] * level.shape[1] for level in levels]
    table = [(first, level.shape[1], level.shape[0]) for first, level in zip(np.cumsum([0, *counts[:-1]]), levels, strict=True)]
    return Pyramid(texels=np.concatenate([level.reshape(-1, pixels.shape[2]) for level in levels]), levels=np.array(table, np.int64))
