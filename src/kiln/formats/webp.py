"""WebP files of a material's maps: lossy where that stays within what the map stands for, lossless where it does not."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

_COLOR_QUALITY: Final = 90
"""Of a painted 2048 x 2048 prop 380 kB (95: 580 kB, 80: 234 kB), 1.5 levels off on average; PNG takes 3.9 MB."""

_NORMAL_QUALITY: Final = 95
"""228 kB where PNG takes 2.2 MB, normals 0.5 degrees off on average. Lossy WebP halves the resolution of two of its three channels, so 100
takes 330 kB for 0.48 degrees. Rounding normals to even numbers and coding them without loss takes 990 kB for 0.38 degrees."""

_DATA_QUALITY: Final = 92

MOST_NORMAL_DEGREES: Final = 3.0
MOST_DATA_LEVELS: Final = 10
"""99 % of a map's texels are no farther off than this, or it is coded without loss."""

_SHARE: Final = 0.99


def encode_webp_color(pixels: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """A WebP file of sRGB colour, lossy; alpha is kept exactly."""
    return _encode(pixels, quality=_COLOR_QUALITY)


def encode_webp_normal(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """A WebP file of tangent-space normals: 99 % of them at most MOST_NORMAL_DEGREES off."""
    lossy = _encode(pixels, quality=_NORMAL_QUALITY)
    return lossy if np.quantile(_degrees_between(pixels, _decode(lossy)), _SHARE) <= MOST_NORMAL_DEGREES else _encode_exactly(pixels)


def encode_webp_data(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """A WebP file of linear numbers such as ORM: 99 % of them at most MOST_DATA_LEVELS of 255 off in every channel."""
    lossy = _encode(pixels, quality=_DATA_QUALITY)
    off = np.abs(_decode(lossy).astype(np.int16) - pixels).max(axis=-1)
    return lossy if np.quantile(off, _SHARE) <= MOST_DATA_LEVELS else _encode_exactly(pixels)


def _encode(pixels: UInt8[np.ndarray, "h w c"], *, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def _encode_exactly(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    file = io.BytesIO()
    # Effort 20 of method 1 takes 0.6 s for 2048 x 2048 normals and 1.29 MB; more takes twice as long for 13 % less.
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True, quality=20, method=1)
    return file.getvalue()


def _decode(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as picture:
        return np.asarray(picture.convert("RGB"))


def _degrees_between(these: UInt8[np.ndarray, "h w 3"], those: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Angle between normals, texel by texel."""
    a, b = (pixels.astype(np.float32) - np.float32(127.5) for pixels in (these, those))
    dot = np.einsum("hwk,hwk->hw", a, b)
    lengths = np.sqrt(np.einsum("hwk,hwk->hw", a, a) * np.einsum("hwk,hwk->hw", b, b))
    return np.degrees(np.arccos(np.clip(dot / np.maximum(lengths, 1e-6), -1, 1)))
