"""PNG files, quickly: the same pixels always give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from kiln import settings

# Measured on a painted 2048 x 2048 RGB picture: Paeth filter at level 1 takes 0.10 s and 2.7 MB. Choosing the filter line by line takes
# 0.15 s for the same size, level 4 0.21 s for 10 % less, level 6 0.56 s for 15 % less; Pillow's level 6 takes 2.2 s.
_PARAMETERS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]

_FROM_RGB = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


Pixels = UInt8[np.ndarray, "height width *channels"] | UInt16[np.ndarray, "height width *channels"]


def encode_png(pixels: Pixels) -> bytes:
    """A PNG file of gray (no channel axis), RGB or RGBA pixels, 8 or 16 bit a channel."""
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, _FROM_RGB[pixels.shape[2]])
    _, encoded = cv2.imencode(".png", stored, _PARAMETERS)
    return encoded.tobytes()


def encode_pngs(maps: Mapping[str, UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]]) -> dict[str, bytes]:
    """A PNG file for each named map, encoded in threads."""
    with ThreadPoolExecutor(settings.threads()) as pool:
        return dict(zip(maps, pool.map(encode_png, maps.values()), strict=True))
