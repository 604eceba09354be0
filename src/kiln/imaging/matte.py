"""What a matte says: where the subject lies, how sure the cut looks, and the picture cropped to it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Shaped, UInt8

SOLID: Final = 128
"""Alpha from which on a pixel counts as the subject."""


def bounding_box(mask: Bool[np.ndarray, "height width"]) -> tuple[int, int, int, int]:
    """top, bottom, left, right of what is set, in pixels; bottom and right are the first beyond it. Something must be set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def border(pixels: Shaped[np.ndarray, "height width"]) -> Shaped[np.ndarray, " border"]:
    """The values of the outermost pixels, each once."""
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def confidence(alpha: UInt8[np.ndarray, "height width"]) -> dict[str, float]:
    """Numbers that tell a matte that looks right from one that looks wrong.

    `coverage`: share of the picture; `border_touch`: share of the picture's border that the subject touches; `components`: separate parts
    of at least 1/2000 of the subject; `largest_component`: share of the subject in the largest; `softness`: share of the subject's area
    that is half transparent.
    """
    solid = alpha >= SOLID
    _, _, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8), connectivity=8)
    area = max(1, int(np.count_nonzero(solid)))
    parts = stats[1:, cv2.CC_STAT_AREA]
    return {
        "coverage": float(solid.mean()),
        "border_touch": float(border(solid).mean()),
        "components": float(np.count_nonzero(parts >= area / 2000)),
        "largest_component": int(parts.max(initial=0)) / area,
        "softness": int(np.count_nonzero((alpha > 12) & (alpha < 243))) / area,
    }


def crop(pixels: UInt8[np.ndarray, "height width 4"], *, margin: float) -> UInt8[np.ndarray, "rows columns 4"]:
    """The subject with a transparent rim of `margin` times its longer side, at least 2 pixels, on all four sides."""
    top, bottom, left, right = bounding_box(pixels[..., 3] > 0)
    rim = max(2, round(margin * max(bottom - top, right - left)))
    y0, y1, x0, x1 = top - rim, bottom + rim, left - rim, right + rim
    part = pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    beyond = ((max(-y0, 0), max(y1 - len(pixels), 0)), (max(-x0, 0), max(x1 - pixels.shape[1], 0)))
    padded = np.pad(part, (*beyond, (0, 0)), mode="edge")
    padded[..., 3] = np.pad(part[..., 3], beyond)  # beyond the picture: the border's colours, and no subject
    return padded
