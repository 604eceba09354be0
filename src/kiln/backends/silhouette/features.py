"""Which parts of a picture are features of this side, and not of the far one.

A material that reaches the outline goes on around the subject: hair, skin, shirt, belt, roof. What is enclosed by other material is a
feature of this side: eyes, a mouth, buttons, a visor, a door. So each pixel is asked how hard it is to walk to it from the outline without
crossing an edge, and whether it has another colour than where the walk began (after the minimum barrier distance of Strand et al. 2013,
with sums of differences in place of their range).
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra

from kiln.backends.silhouette.rim import disc, rim_depth

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

SAME_COLOR, OTHER_COLOR = 6.0, 14.0
"""Differences in colour (Lab, lightness weighted) to the place on the outline that a walk began at: of one material, and of another."""

MATERIAL = 2.0
"""Standard deviation, in pixels of the small picture, over which a material's colour is averaged."""

DOUBTFUL, SURE = 1.4, 4.6
"""Costs of the walk above which a pixel may be, and is, a feature."""

NEIGHBOURHOOD = 10
"""Pixels (of the small picture) around a feature within which the doubtful goes with it: a cheek and a mouth with their eye."""

SOLID, RING = 0.04, 0.1
"""Shares of a filled outline that are holes: up to the first it may be a figure, from the second on it is a ring. Measured: portal 0.2."""

LOWER, UPPER = 0.43, 0.49
"""Heights between which features begin to go. Faces, badges and straps are above; belts, loincloths and shoes go around more or less, and a
back that shows them again is better than one where they are smeared."""

FIGURE, PANELS = 2.25, 3.0
"""Costs that 65 % of a subject stay below. Up to the first it is a figure with features, which all go. From the second on it is panels all
over, and its far side is taken to have them too. Measured: bear 0.8, girl and goblin 2.0; skewer 2.7, biplane 3.7, house 4.5, crate 6.8."""

FRONTAL, LAYERS = 0.58, 0.68
"""Shares of a subject's differences in colour that its rows explain. Up to the first it has a front; from the second on it is made of
layers that are alike all round. Measured: goblin 0.35, astronaut 0.57; skewer 0.65."""


def feature_map(pixels: UInt8[np.ndarray, "height width 4"]) -> Float32[np.ndarray, "height width"]:
    """How surely each pixel is a feature, 0 to 1."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WALK_PIXELS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    inside = small[..., 3] > 200
    colors = cv2.medianBlur(np.ascontiguousarray(small[..., :3]), 5)
    lab = cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
    cost, foreign = _walk(lab, inside)
    share = _figure_share(cost, inside) * _front_share(lab, inside) * _solid_share(inside)
    found = _islands(cost * foreign * share, inside) * _upper(inside)
    soft = cv2.GaussianBlur(found, (0, 0), 1.2)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)


def _figure_share(cost: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> np.float32:
    """1 for a figure with features, 0 for a subject that is panels all over."""
    if not inside.any():
        return np.float32(0)
    return np.float32(np.clip((PANELS - np.percentile(cost[inside], 65)) / (PANELS - FIGURE), 0, 1))


def _front_share(lab: Float32[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]) -> np.float32:
    """0 for a subject in layers, which is alike all round; 1 where colours differ within rows, so that it has a front."""
    count = np.maximum(inside.sum(axis=1), 1)[:, None]
    mean = (lab * inside[..., None]).sum(axis=1) / count
    within = float((np.square(lab - mean[:, None]) * inside[..., None]).sum())
    total = float((np.square(lab - lab[inside].mean(axis=0)) * inside[..., None]).sum()) if inside.any() else 0.0
    by_rows = 1 - within / max(total, 1e-6)
    return np.float32(np.clip((LAYERS - by_rows) / (LAYERS - FRONTAL), 0, 1))


def _islands(cost: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What is surely a feature, and what is doubtful around it; thin lines are no features, and gaps are closed."""
    core = cv2.morphologyEx((cost > SURE).view(np.uint8), cv2.MORPH_OPEN, disc(1))
    around = (np.asarray(cv2.dilate(core, disc(NEIGHBOURHOOD)), np.uint8) > 0) & (cost > DOUBTFUL)
    found = np.pad(((core > 0) | around).view(np.uint8), 8)
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, disc(4))[8:-8, 8:-8]
    return cv2.dilate(_filled(closed, inside), disc(2)) > 0


def _solid_share(inside: Bool[np.ndarray, "h w"]) -> np.float32:
    """1 for a subject without holes, 0 for a ring: a portal's far side is like this one."""
    outer = cv2.findContours(inside.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    whole = cv2.drawContours(np.zeros(inside.shape, np.uint8), outer, -1, 1, cv2.FILLED)
    holes = 1 - inside.sum() / max(int(whole.sum()), 1)
    return np.float32(np.clip((RING - holes) / (RING - SOLID), 0, 1))


def _upper(inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h 1"]:
    """1 over the upper part of the subject, 0 over the lower; 1 all over a bust, which the picture's lower border cuts off."""
    if inside[-1].any():
        return np.ones((len(inside), 1), np.float32)
    rows = np.flatnonzero(inside.any(axis=1))
    height = 1 - (np.arange(len(inside), dtype=np.float32) - rows.min(initial=len(inside))) / max(len(rows), 1)
    return np.clip((height - LOWER) / (UPPER - LOWER), 0, 1)[:, None].astype(np.float32)


def _filled(mask: UInt8[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """The mask without holes, a hole being what does not reach the outside of the subject."""
    part = np.asarray(cv2.connectedComponents((mask == 0).view(np.uint8), connectivity=4)[1], np.int32)
    reaches_out = np.zeros(int(part.max()) + 1, bool)
    reaches_out[part[~inside & (mask == 0)]] = True
    return ((mask > 0) | ~reaches_out[part]).view(np.uint8)


def _walk(
    lab: Float32[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """The least cost of reaching each pixel from the outline, and 0 to 1 how foreign its colour is to the place it was reached from."""
    depth = rim_depth(inside.view(np.uint8) * 255)
    rim = np.flatnonzero((depth > 0) & (depth <= 2.5))
    if not len(rim):
        return np.zeros(inside.shape, np.float32), np.zeros(inside.shape, np.float32)
    cost, _, source = dijkstra(_grid(lab, inside), directed=False, indices=rim, min_only=True, return_predecessors=True)
    reached = np.isfinite(cost) & inside.ravel()
    weight = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), MATERIAL)
    plain = (cv2.GaussianBlur(lab * inside[..., None], (0, 0), MATERIAL) / np.maximum(weight, 1e-6)[..., None]).reshape(-1, 3)
    change = np.linalg.norm(plain - plain[np.where(reached, source, 0)], axis=1)
    foreign = np.clip((change - SAME_COLOR) / (OTHER_COLOR - SAME_COLOR), 0, 1)
    return np.where(reached, cost, 0).reshape(inside.shape).astype(np.float32), foreign.reshape(inside.shape).astype(np.float32)


def _grid(lab: Float32[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]) -> csr_matrix:
    """The costs of steps between neighbouring pixels inside, each pair once."""
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
    return coo_matrix((np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), (inside.size, inside.size)).tocsr()


def _neighbours(number: np.ndarray, down: int, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pixels that lie (down, across) apart, as two lists of numbers."""
    height, width = number.shape
    first = number[: height - down, max(0, -across) : width - max(0, across)]
    second = number[down:, max(0, across) : width - max(0, -across)]
    return first.ravel(), second.ravel()
