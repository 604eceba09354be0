"""A subject's colours carried on beyond its outline, so that sampling near the rim never meets the background."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.spread import spread

RIM_PIXELS = 2.0
"""Rim depth up to which colours are not trusted: anti-aliasing, the old background, rim light. The outermost pixel has depth 1."""

WHOLE = 250
"""Alpha from which a pixel holds nothing but subject."""

RIM_SHARE = 0.6
"""The rim of a thin part is at most this share of its half-width: whiskers are all rim and must keep their colour."""

RIM_WEIGHT = 1e-3
"""How much an untrusted rim pixel counts against a trusted one."""


def rim_depth(alpha: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Distance of each pixel of the subject from the nearest one outside, pixels; 0 outside. The picture's border counts as outline."""
    inside = np.pad((alpha > 127).view(np.uint8), 1)
    return cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]


def core(depth: Float32[np.ndarray, "height width"], *, rim: float) -> Float32[np.ndarray, "height width"]:
    """1 deeper inside than the rim (pixels), 0 in it; of parts hardly thicker than the rim, the inner two fifths count as inside."""
    ridge = cv2.dilate(depth, disc(int(np.ceil(rim)) + 1))
    return np.asarray(np.clip(depth - np.minimum(rim, RIM_SHARE * ridge), 0, 1) * (depth > 0), np.float32)


def trust(alpha: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """How far each pixel's colour is the subject's own: 1 inside, RIM_WEIGHT at the rim, less where anything shines through."""
    whole = np.maximum(core(rim_depth(alpha), rim=RIM_PIXELS), RIM_WEIGHT)
    return np.where(alpha >= WHOLE, whole, np.where(alpha > 127, RIM_WEIGHT / 100, 0)).astype(np.float32)


def extend(pixels: UInt8[np.ndarray, "height width 4"]) -> UInt8[np.ndarray, "height width 4"]:
    """The picture, opaque: exact inside the subject, its own inner colours carried over the rim and on outside. Averages are linear."""
    known = trust(pixels[..., 3])
    filled = linear_to_srgb(spread(srgb_to_linear(pixels[..., :3]), known))
    exact = (known >= 1)[..., None]
    return np.dstack([np.where(exact, pixels[..., :3], filled), np.full(known.shape, 255, np.uint8)])


def disc(radius: int) -> UInt8[np.ndarray, "d d"]:
    """A round structuring element, 2 radius + 1 wide."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
