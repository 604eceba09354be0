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

from kiln.backends.silhouette.spread import RIM_PIXELS, rim_depth, spread
from kiln.imaging.color import linear_to_srgb, srgb_to_linear

WALK_PIXELS = 180
"""The longer side of the small picture that is walked over: eyes are still a few pixels there, grain is not."""

LIGHTNESS_WEIGHT = 0.6
"""Lightness changes with shading, hue with material."""

FREE_STEP = 1.2
"""A colour difference (Lab) a pixel that costs nothing: shading."""

UPHILL = 0.12
"""What a step up or down costs by itself: subjects are layered (hair, face, shirt, trousers), so a far side is best continued sideways."""

SIDEWAYS = 0.004
"""What a step to the side costs: the deeper inside, the more a thing belongs to this side."""

DOUBTFUL, SURE = 2.0, 4.6
"""Costs of the walk above which a pixel may be, and is, a feature."""

NEIGHBOURHOOD = 6
"""Pixels (of the small picture) around a feature within which the doubtful goes with it: a cheek with its eye."""

FIGURE, PANELS = 2.4, 3.4
"""Costs that 65 % of a subject stay below. Up to the first it is a figure with features, which all go. From the second on it is panels all
over, and its far side is taken to have them too. Measured: bear 0.8, girl 1.9, goblin 2.0; biplane 3.7, wooden house 4.5, crate 6.8."""

RIM_LIGHT = 0.009
"""Width of the outline's light, in heights of the subject: it comes from behind in the picture and must not be painted on the back."""


CLEARANCE = 0.012
"""Width of a feature's soft edge and shadow, in heights of the subject."""

SQUEEZE = 3
"""How much farther colours go sideways than up and down."""

GRAIN = 0.012
"""Size (standard deviation) of the detail that is carried into dissolved features, in heights of the subject."""


SMALLEST_PATCH = 0.03
"""Radius, in heights of the subject, of the smallest patch that a side may show."""

SIDE_PIXELS = 300
"""Height of the small picture whose median is taken; a median needs no more, and costs 15 ms there."""

MOST_GRAIN = 10.0
"""Levels of sRGB by which grain may lighten or darken a side. Filtered as encoded: grain is a visual quantity, and halos do not arise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Backplate:
    """A guessed picture of the far side, seen through the subject: it lies over the picture it came from, not mirrored."""

    pixels: UInt8[np.ndarray, "height width 4"]
    dissolved: float
    """The share of the subject's pixels that were dissolved as features."""


def plain_back(pixels: UInt8[np.ndarray, "height width 4"]) -> Backplate:
    """The picture without features, colours carried on beyond its outline."""
    feature = _feature_map(pixels)
    inside = pixels[..., 3] > 127
    share = float(feature[inside].mean()) if inside.any() else 0.0
    return Backplate(pixels=_dissolve(pixels, feature), dissolved=share)


def soft_sides(
    pixels: UInt8[np.ndarray, "height width 4"], open_: UInt8[np.ndarray, "height width 4"]
) -> UInt8[np.ndarray, "height width 4"]:
    """The picture with every patch smaller than SMALLEST_PATCH gone into what surrounds it (a median), but its fine grain kept.

    `open_` is the picture carried on beyond its outline, by `spread.extend`.
    A side is painted with the picture reflected about its rim; whole eyes, spots and windows would show twice there, like an inkblot.
    """
    tall = _height(pixels[..., 3])
    scale = min(1.0, SIDE_PIXELS / tall)
    small = cv2.resize(open_[..., :3], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    window = 2 * max(1, round(SMALLEST_PATCH * tall * scale)) + 1
    median = cv2.resize(cv2.medianBlur(small, window), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    exact = open_[..., :3].astype(np.float32)
    grain = np.clip(exact - cv2.GaussianBlur(exact, (0, 0), GRAIN * tall), -MOST_GRAIN, MOST_GRAIN)
    soft = np.clip(cv2.GaussianBlur(median, (0, 0), GRAIN / 2 * tall) + grain, 0, 255)
    return np.dstack([soft.astype(np.uint8), open_[..., 3]])


def _feature_map(pixels: UInt8[np.ndarray, "height width 4"]) -> Float32[np.ndarray, "height width"]:
    """How surely each pixel is a feature, 0 to 1."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WALK_PIXELS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    inside = small[..., 3] > 200
    cost = _walk(cv2.medianBlur(np.ascontiguousarray(small[..., :3]), 5), inside)
    soft = cv2.GaussianBlur(_islands(cost * _figure_share(cost, inside), inside).astype(np.float32), (0, 0), 1.2)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)


def _figure_share(cost: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> np.float32:
    """1 for a figure with features, 0 for a subject that is panels all over."""
    if not inside.any():
        return np.float32(0)
    return np.float32(np.clip((PANELS - np.percentile(cost[inside], 65)) / (PANELS - FIGURE), 0, 1))


def _islands(cost: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What is surely a feature, and what is doubtful around it; thin lines are no features, and gaps are closed."""
    core = cv2.morphologyEx((cost > SURE).view(np.uint8), cv2.MORPH_OPEN, _disc(1))
    around = np.asarray(cv2.dilate(core, _disc(NEIGHBOURHOOD)), np.uint8) & (cost > DOUBTFUL)
    closed = cv2.morphologyEx(np.pad(core | around, 8), cv2.MORPH_CLOSE, _disc(4))[8:-8, 8:-8]
    return cv2.dilate(_filled(closed, inside), _disc(2)) > 0


def _filled(mask: UInt8[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """The mask without holes, a hole being what does not reach the outside of the subject."""
    part = np.asarray(cv2.connectedComponents((mask == 0).view(np.uint8), connectivity=4)[1], np.int32)
    reaches_out = np.zeros(int(part.max()) + 1, bool)
    reaches_out[part[~inside & (mask == 0)]] = True
    return ((mask > 0) | ~reaches_out[part]).view(np.uint8)


def _disc(radius: int) -> UInt8[np.ndarray, "d d"]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _walk(colors: UInt8[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The least cost of reaching each pixel from the outline; 0 outside."""
    lab = cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
    number = np.arange(inside.size).reshape(inside.shape)
    starts, ends, costs = [], [], []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, b = _neighbours(number, down, across)
        both = inside.flat[a] & inside.flat[b]
        a, b = a[both], b[both]
        change = np.linalg.norm(lab.reshape(-1, 3)[a] - lab.reshape(-1, 3)[b], axis=1) / np.hypot(down, across)
        starts.append(a)
        ends.append(b)
        costs.append(np.maximum(change - FREE_STEP, 0) ** 1.5 / 10 + UPHILL * down + SIDEWAYS * abs(across))
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), (inside.size, inside.size))
    depth = rim_depth(inside.view(np.uint8) * 255)
    rim = np.flatnonzero((depth > 0) & (depth <= 2.5))
    if not len(rim):
        return np.zeros(inside.shape, np.float32)
    cost = dijkstra(graph.tocsr(), directed=False, indices=rim, min_only=True).reshape(inside.shape)
    return np.where(inside, np.where(np.isfinite(cost), cost, SURE), 0).astype(np.float32)


def _neighbours(number: np.ndarray, down: int, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pixels that lie (down, across) apart, as two lists of numbers."""
    height, width = number.shape
    first = number[: height - down, max(0, -across) : width - max(0, across)]
    second = number[down:, max(0, across) : width - max(0, -across)]
    return first.ravel(), second.ravel()


def _dissolve(
    pixels: UInt8[np.ndarray, "height width 4"], feature: Float32[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 4"]:
    """The picture with its features and its rim light replaced by a smooth continuation of the rest, with the rest's grain."""
    alpha = pixels[..., 3]
    linear = srgb_to_linear(pixels[..., :3])
    tall = _height(alpha)
    depth = rim_depth(alpha)
    kept = np.clip(depth - max(RIM_PIXELS, RIM_LIGHT * tall), 0, 1) * (1 - feature)
    # Next to a feature lie its soft edge and its shadow: they are shown, faintly, but never spread.
    clear = cv2.erode(kept, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(CLEARANCE * tall) + 1,) * 2))
    known = np.maximum(np.maximum(clear, kept * 1e-2), (depth > 0) * 1e-4).astype(np.float32)
    filled = _spread_sideways(linear, known) * (1 + _grain(linear, clear, tall))[..., None]
    mixed = linear * kept[..., None] + filled * (1 - kept[..., None])
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
    detail = (np.clip(bright / np.maximum(mean, 0.02) - 1, -0.15, 0.15) * clear).astype(np.float32)
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
