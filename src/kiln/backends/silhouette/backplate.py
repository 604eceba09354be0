"""What the far side of a subject may look like: the picture without the features that only a front has.

A material that reaches the outline goes on around the subject: hair, skin, shirt, belt, roof. What is enclosed by other material is a
feature of this side: eyes, a mouth, buttons, a visor, a door. So each pixel is asked how hard it is to walk to it from the outline without
crossing an edge; what is hard to reach is dissolved into what surrounds it, and gets the surrounding material's grain.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from kiln.backends.silhouette.spread import rim_depth, spread
from kiln.imaging.color import linear_to_srgb, srgb_to_linear

WALK_PIXELS = 180
"""The longer side of the small picture that is walked over: eyes are still a few pixels there, grain is not."""

LIGHTNESS_WEIGHT = 0.6
"""Lightness changes with shading, hue with material."""

FREE_STEP = 1.2
"""A colour difference (Lab) a pixel that costs nothing: shading."""

UPHILL = 0.07
"""What a step up or down costs by itself: subjects are layered (hair, face, shirt, trousers), so a far side is best continued sideways."""

REACHED, LOST = 2.0, 4.5
"""Costs of the walk up to which a pixel surely goes around, and from which it surely is a feature."""

MOST_FEATURES = 0.42
"""The share of a subject that may be features. Above it, the subject is panels all over (a crate), and what is enclosed goes around too."""

RIM_LIGHT = 0.009
"""Width of the outline's light, in heights of the subject: it comes from behind in the picture and must not be painted on the back."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Backplate:
    """A guessed picture of the far side, seen through the subject: it lies over the picture it came from, not mirrored."""

    pixels: UInt8[np.ndarray, "height width 4"]
    dissolved: float
    """The share of the subject's pixels that were dissolved as features."""


def plain_back(pixels: UInt8[np.ndarray, "height width 4"]) -> Backplate:
    """The picture without features, colours carried on beyond its outline."""
    alpha = pixels[..., 3]
    feature = _feature_map(pixels)
    inside = alpha > 127
    share = float(feature[inside].mean()) if inside.any() else 0.0
    if share > MOST_FEATURES:
        feature[:] = 0
    return Backplate(pixels=_dissolve(pixels, feature), dissolved=0.0 if share > MOST_FEATURES else share)


def _feature_map(pixels: UInt8[np.ndarray, "height width 4"]) -> Float32[np.ndarray, "height width"]:
    """How surely each pixel is a feature, 0 to 1."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WALK_PIXELS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    cost = _walk(cv2.medianBlur(np.ascontiguousarray(small[..., :3]), 5), small[..., 3] > 200)
    sure = np.clip((cost - REACHED) / (LOST - REACHED), 0, 1).astype(np.float32)
    sure = cv2.GaussianBlur(cv2.dilate(sure, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    return cv2.resize(sure, (width, height), interpolation=cv2.INTER_LINEAR)


def _walk(colors: UInt8[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The least cost of reaching each pixel from the outline; 0 outside."""
    lab = cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * np.float32([LIGHTNESS_WEIGHT, 1, 1])
    number = np.arange(inside.size).reshape(inside.shape)
    starts, ends, costs = [], [], []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, b = _neighbours(number, down, across)
        both = inside.flat[a] & inside.flat[b]
        a, b = a[both], b[both]
        change = np.linalg.norm(lab.reshape(-1, 3)[a] - lab.reshape(-1, 3)[b], axis=1) / np.hypot(down, across)
        starts.append(a)
        ends.append(b)
        costs.append(np.maximum(change - FREE_STEP, 0) ** 1.5 / 10 + UPHILL * down + 1e-3)
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), (inside.size, inside.size))
    depth = rim_depth(inside.view(np.uint8) * 255)
    rim = np.flatnonzero((depth > 0) & (depth <= 2.5))
    if not len(rim):
        return np.zeros(inside.shape, np.float32)
    cost = dijkstra(graph.tocsr(), directed=False, indices=rim, min_only=True).reshape(inside.shape)
    return np.where(inside, np.where(np.isfinite(cost), cost, LOST), 0).astype(np.float32)


def _neighbours(number: np.ndarray, down: int, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pixels that lie (down, across) apart, as two lists of numbers."""
    height, width = number.shape
    first = number[: height - down, max(0, -across) : width - max(0, across)]
    second = number[down:, max(0, across) : width - max(0, -across)]
    return first.ravel(), second.ravel()


def _dissolve(pixels: UInt8[np.ndarray, "height width 4"], feature: Float32[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 4"]:
    """The picture with its features and its rim light replaced by a smooth continuation of the rest."""
    alpha = pixels[..., 3]
    linear = srgb_to_linear(pixels[..., :3])
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    light = RIM_LIGHT * (rows[-1] - rows[0] + 1) if len(rows) else 1.0
    depth = rim_depth(alpha)
    kept = np.clip(depth - light, 1e-4, 1) * (alpha > 127) * np.square(1 - feature)
    known = np.maximum(kept, (depth > 0) * 1e-5).astype(np.float32)
    filled = spread(linear, known)
    mixed = linear * kept[..., None] + filled * (1 - kept[..., None])
    return np.dstack([linear_to_srgb(mixed.astype(np.float32)), np.full(alpha.shape, 255, np.uint8)])
