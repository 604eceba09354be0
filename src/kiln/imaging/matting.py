"""Soft edges: how much of the subject each rim pixel shows, and the subject's own colour there.

A rim pixel mixes both: C = a F + (1 - a) B. The mix is solved in sRGB-encoded values, not in linear light: that is where painting programs
and image generators blend their edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kiln.imaging.spread import spread

_EDGE_PRIOR = 0.01
"""Weight of the drawn outline against the colours in `soft_edge`: a squared colour difference of 0.1 (of 0..1) counts as much."""

_COLOR_PRIOR = 0.1
"""Weight of the subject's colour further inside against the unmixed one: equal to the evidence of a pixel with alpha 0.3."""


def soft_edge(
    colors: Float32[np.ndarray, "height width 3"], inside: Bool[np.ndarray, "height width"], *, band: float
) -> Float32[np.ndarray, "height width"]:
    """Alpha, 0 to 1, from a hard mask whose outline is right to within `band` pixels.

    In the band, alpha is the pixel's place on the line from the background's colour near by to the subject's; where the two are alike, the
    outline decides. `colors` are sRGB-encoded, 0 to 1.
    """
    distance = signed_distance(inside)
    subject = spread(colors, (distance > band).astype(np.float32))
    background = spread(colors, (distance < -band).astype(np.float32))
    return _soft_edge(colors, distance, subject, background, band=band)


def _soft_edge(colors, distance, subject, background, *, band):
    axis = subject - background
    along = np.einsum("hwc,hwc->hw", colors - background, axis)
    outline = np.clip(distance / 1.5 + 0.5, 0, 1)
    alpha = (along + _EDGE_PRIOR * outline) / (np.einsum("hwc,hwc->hw", axis, axis) + _EDGE_PRIOR)
    alpha = np.where(np.abs(distance) > band, distance > 0, np.clip(alpha, 0, 1))
    return alpha.astype(np.float32)


def signed_distance(inside: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Pixels to the outline, positive inside; half a pixel at the pixels that touch it."""
    mask = inside.astype(np.uint8)
    within = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    without = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return np.where(inside, within - 0.5, 0.5 - without).astype(np.float32)


def decontaminate(pixels: UInt8[np.ndarray, "height width 4"], *, background: bool) -> UInt8[np.ndarray, "height width 4"]:
    """The picture with the subject's own colours at its rim and beyond; alpha stays.

    With `background`, the pixels still show the background they were taken against, and it is unmixed. Without, they come from a picture
    that had a matte: their colours are only drawn towards those further inside, the more the less opaque they are. Where alpha is 0,
    colours are spread from the rim, so that nothing foreign bleeds in when the picture is filtered.
    """
    colors = pixels[..., :3] * np.float32(1 / 255)
    alpha = pixels[..., 3] * np.float32(1 / 255)
    inner = spread(colors, np.where(alpha > 0.98, np.float32(1), alpha**4 * np.float32(1e-3)))
    mix = alpha[..., None]
    if background:
        outer = spread(colors, (alpha < 0.02).astype(np.float32))
        own = inner + mix * (colors - mix * inner - (1 - mix) * outer) / (mix**2 + _COLOR_PRIOR)
    else:
        own = inner + mix * (colors - inner)
    own = np.where(mix < 1, own, colors)
    return np.dstack([np.round(np.clip(own, 0, 1) * 255).astype(np.uint8), pixels[..., 3]])
