"""A picture that no camera took: the far side of a subject.

It is the picture with its features (see features.py) dissolved into what surrounds them, sideways rather than up and down, with the
surrounding material's grain.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kiln.backends.silhouette.features import feature_map
from kiln.backends.silhouette.rim import RIM_PIXELS, core, disc, rim_depth
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.imaging.spread import spread

RIM_LIGHT = 0.009
"""Width of the outline's light, in heights of the subject: it comes from behind in the picture and must not be painted on the back."""

GLANCING = 0.03
"""Depth of the rim, in heights of the subject, over which coloured light from the sides tints it; what lies deeper is spread rather."""

CLEARANCE = 0.012
"""Width of a feature's soft edge and shadow, in heights of the subject."""

SQUEEZE = 5
"""How much farther colours go sideways than up and down."""

GRAIN = 0.012
"""Size (standard deviation) of the detail that is carried into dissolved features, in heights of the subject."""

MOST_CARRIED = 0.06
"""Share by which that detail may lighten or darken; more of it shows the reflection as swirls."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Backplate:
    """A guessed picture of the far side, seen through the subject: it lies over the picture it came from, not mirrored."""

    pixels: UInt8[np.ndarray, "height width 4"]
    dissolved: float
    """The share of the subject's pixels that were dissolved as features."""


def plain_back(pixels: UInt8[np.ndarray, "height width 4"]) -> Backplate:
    """The picture without features, colours carried on beyond its outline."""
    feature = feature_map(pixels)
    inside = pixels[..., 3] > 127
    share = float(feature[inside].mean()) if inside.any() else 0.0
    return Backplate(pixels=_dissolve(pixels, feature), dissolved=share)


def _dissolve(
    pixels: UInt8[np.ndarray, "height width 4"], feature: Float32[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 4"]:
    """The picture with its features and its rim light replaced by a smooth continuation of the rest, with the rest's grain."""
    alpha = pixels[..., 3]
    linear = srgb_to_linear(pixels[..., :3])
    tall = _height(alpha)
    depth = rim_depth(alpha)
    own = core(depth, rim=max(RIM_PIXELS, RIM_LIGHT * tall))
    base = linear * own[..., None] + spread(linear, np.maximum(own, (depth > 0) * np.float32(1e-3))) * (1 - own[..., None])
    kept = 1 - feature
    # Next to a feature lie its soft edge and its shadow: they are shown, faintly, but never spread.
    clear = cv2.erode(kept, disc(round(CLEARANCE * tall))) * (depth > 0)
    own_color = np.clip(depth / (GLANCING * tall), 0.2, 1)
    known = np.maximum(np.maximum(clear * own_color, own * kept * 1e-3), (depth > 0) * 1e-5).astype(np.float32)
    filled = _spread_sideways(base, known) * (1 + _grain(base, clear, tall))[..., None]
    mixed = base * kept[..., None] + filled * feature[..., None]
    return np.dstack([linear_to_srgb(mixed.astype(np.float32)), np.full(alpha.shape, 255, np.uint8)])


def _height(alpha: UInt8[np.ndarray, "height width"]) -> float:
    """Rows from the subject's top to its bottom; 1 where there is none."""
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    return float(np.ptp(rows) + 1) if len(rows) else 1.0


def _spread_sideways(colors: Float32[np.ndarray, "height width 3"], known: Float32[np.ndarray, "height width"]) -> np.ndarray:
    """`spread` with SQUEEZE times the reach along rows: what is left and right of a feature goes on behind it."""
    height, width = known.shape
    size = (max(1, width // SQUEEZE), height)
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(colors * known[..., None], size, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-12)[..., None]
    return np.asarray(cv2.resize(spread(mean, weight), (width, height), interpolation=cv2.INTER_LINEAR))


def _grain(linear: Float32[np.ndarray, "height width 3"], clear: Float32[np.ndarray, "height width"], tall: float) -> np.ndarray:
    """Relative brightness of fine detail for what was dissolved: the detail left and right of it, reflected inward and cross-faded."""
    bright = linear.mean(axis=2)
    sigma = GRAIN * tall
    mean = cv2.GaussianBlur(bright * clear, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(clear, (0, 0), sigma), 1e-3)
    detail = (np.clip(bright / np.maximum(mean, 0.02) - 1, -MOST_CARRIED, MOST_CARRIED) * clear).astype(np.float32)
    columns = np.arange(bright.shape[1], dtype=np.float32)[None, :]
    inside = clear > 0.5
    left = np.maximum.accumulate(np.where(inside, columns, -1), axis=1)
    right = np.minimum.accumulate(np.where(inside, columns, bright.shape[1])[:, ::-1], axis=1)[:, ::-1]
    share = (columns - left) / np.maximum(right - left, 1)
    share = np.where(inside, 0, share * share * (3 - 2 * share)).astype(np.float32)
    return _reflected(detail, left, tall) * (1 - share) + _reflected(detail, right, tall) * share


def _reflected(detail: Float32[np.ndarray, "height width"], border: np.ndarray, tall: float) -> np.ndarray:
    """Each row reflected about its border; borders are smoothed down the rows so that the rows stay together."""
    smooth = cv2.GaussianBlur(border.astype(np.float32), (0, 0), sigmaX=1.0, sigmaY=0.04 * tall)
    height, width = detail.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(detail, 2 * smooth - columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0))
