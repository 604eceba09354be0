"""Textures out of files: PNG, JPEG or WebP bytes to RGBA, refused before decoding when they are too large."""

from __future__ import annotations

import io
import warnings
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, UnidentifiedImageError

from kiln.errors import ModelError

MAX_PIXELS: Final = 8192 * 8192
"""256 MB as RGBA."""


def decode_image(data: bytes, *, what: str) -> UInt8[np.ndarray, "height width 4"]:
    """The picture's pixels, 8 bits a channel, opaque where it has no alpha. ModelError, beginning with `what`, when it is none."""
    return _rgba(_decoded(data, what))


def decode_map(data: bytes, *, what: str) -> UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]:
    """The picture as it is: (h, w) or (h, w, channels), 8 or 16 bits. ModelError as `decode_image`."""
    pixels = _decoded(data, what)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _decoded(data: bytes, what: str) -> np.ndarray:
    """As OpenCV has it: blue first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warning about large pictures: the limit is ours
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as header:
                width, height = header.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ModelError(f"{what} is not a PNG, JPEG or WebP picture: export it again") from None
    if width * height > MAX_PIXELS:
        raise ModelError(f"{what} has {width:,} x {height:,} pixels, more than {MAX_PIXELS:,}: make it smaller")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ModelError(f"{what} is damaged: export it again")
    return pixels


def without_alpha(pixels: UInt8[np.ndarray, "height width 4"] | None) -> UInt8[np.ndarray, "height width 3"] | None:
    """The colour channels alone; None of None."""
    return None if pixels is None else np.ascontiguousarray(pixels[..., :3])


def _rgba(pixels: np.ndarray) -> UInt8[np.ndarray, "height width 4"]:
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA)
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGBA)
