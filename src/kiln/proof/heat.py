"""Heat maps: errors as colours that are evenly spaced to the eye, with a scale drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from kiln.imaging.color import linear_to_srgb
from kiln.proof.canvas import font

_DARK, _LIGHT = 0.24, 0.94
"""Lightness (OKLab) of no error and of the largest on the scale."""

_HUES = (302.0, 250.0, 180.0, 140.0, 100.0)
"""Degrees, from no error to the largest, evenly spaced: violet, blue, teal, green, yellow; told apart by the colour-blind by lightness."""

_CHROMA = (0.12, 0.12, 0.10, 0.14, 0.17)

_TO_CONE = np.array([(1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728), (1, -0.0894841775, -1.2914855480)])
_TO_RGB = np.array(
    [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    ]
)
"""From OKLab to linear sRGB, by way of the cones' cube roots (Ottosson 2020)."""

UNKNOWN: Final = (168, 166, 160)
"""Where nothing can be compared."""

_PLATE, _PLATE_MARGIN = (150, 38), 8
_BAR_WIDTH, _BAR_HEIGHT = 122, 7
_INK = (60, 59, 56, 255)
_PLATE_COLOR = (244, 243, 240, 225)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From no error to the largest that colours tell apart."""

    top: float
    unit: str
    """Written right after the number."""

    def colors(self, values: Float32[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
        """Each value's colour; grey where it is NaN."""
        known = np.isfinite(values)
        steps = (np.clip(np.where(known, values, 0) / self.top, 0, 1) * 255 + 0.5).astype(np.uint8)
        return np.where(known[..., None], _ramp()[steps], np.array(UNKNOWN, np.uint8))

    def stamped(self, pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
        """The picture with the scale in its lower right corner, on a plate."""
        picture = Image.fromarray(pixels)
        legend = _legend(self)
        picture.paste(legend, (picture.width - legend.width - _PLATE_MARGIN, picture.height - legend.height - _PLATE_MARGIN), legend)
        return np.asarray(picture)


NORMALS: Final = Scale(top=4.0, unit="°")
COLORS: Final = Scale(top=16.0, unit="")
"""Levels of 255."""


@cache
def _ramp() -> UInt8[np.ndarray, "256 3"]:
    at = np.linspace(0, 1, 256)
    knots = np.linspace(0, 1, len(_HUES))
    hue, chroma = np.radians(np.interp(at, knots, _HUES)), np.interp(at, knots, _CHROMA)
    lab = np.stack([_DARK + (_LIGHT - _DARK) * at, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear = (lab @ _TO_CONE.T) ** 3 @ _TO_RGB.T
    return linear_to_srgb(np.clip(linear, 0, 1).astype(np.float32))


@cache
def _legend(scale: Scale) -> Image.Image:
    """The bar of colours with its numbers, on a translucent plate."""
    plate = Image.new("RGBA", _PLATE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, _PLATE[0] - 1, _PLATE[1] - 1), radius=8, fill=_PLATE_COLOR)
    left, top = (_PLATE[0] - _BAR_WIDTH) // 2, _PLATE[1] - _BAR_HEIGHT - 8
    bar = np.repeat(_ramp()[np.linspace(0, 255, _BAR_WIDTH).astype(int)][None], _BAR_HEIGHT, axis=0)
    plate.paste(Image.fromarray(bar), (left, top))
    for share, anchor in ((0.0, "ls"), (0.5, "ms"), (1.0, "rs")):
        words = f"{share * scale.top:g}{scale.unit}" + ("+" if share == 1 else "")
        draw.text((left + share * _BAR_WIDTH, top - 4), words, font=font(12), fill=_INK, anchor=anchor)
    return plate
