"""A sheet of pictures with captions: tiles, margins, type."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

PAPER: Final = (244, 243, 240)
_INK: Final = (38, 38, 36)
MUTED: Final = (118, 116, 110)

_CORNER_RADIUS = 10
_FINER = 4
"""Corners are drawn this much larger and shrunk, because Pillow does not antialias shapes."""


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface at a size in pixels, so that sheets look the same everywhere."""
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=8)
def _rounded(width: int, height: int) -> Image.Image:
    large = Image.new("L", (_CORNER_RADIUS * _FINER * 2, _CORNER_RADIUS * _FINER * 2), 0)
    ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), fill=255)
    disc = large.resize((_CORNER_RADIUS * 2, _CORNER_RADIUS * 2), Image.Resampling.LANCZOS)
    mask = Image.new("L", (width, height), 255)
    r = _CORNER_RADIUS
    for x, y in ((0, 0), (r, 0), (0, r), (r, r)):
        mask.paste(disc.crop((x, y, x + r, y + r)), (width - r if x else 0, height - r if y else 0))
    return mask


class Canvas:
    """A sheet under construction."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def tile(self, pixels: UInt8[np.ndarray, "height width 3"], *, at: tuple[int, int], caption: str = "", size: int = 20) -> None:
        """Paste a picture with rounded corners, its caption inside at the bottom left."""
        picture = Image.fromarray(pixels)
        self._image.paste(picture, at, _rounded(picture.width, picture.height))
        if caption:
            self.text(caption, at=(at[0] + 18, at[1] + picture.height - 16), size=size, color=MUTED, anchor="ls")

    def text(self, words: str, *, at: tuple[int, int], size: int, color: tuple[int, int, int] = _INK, anchor: str = "ls") -> None:
        """Write one line; anchor "ls" puts the start of the baseline at the point, "rs" the end."""
        words = words.replace("×", "x")  # the typeface has no multiplication sign
        self._draw.text(at, words, font=font(size), fill=color, anchor=anchor)

    @property
    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """The sheet so far."""
        return np.asarray(self._image)
