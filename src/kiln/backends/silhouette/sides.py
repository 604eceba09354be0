"""How block-like a subject is, place by place: 1 beside the long straight sides of a crate or a house, 0 in heads, limbs and wings.

A side is a long straight edge of the convex hull that the outline follows closely. A crate's outline follows all of its hull's edges,
fittings or not; a figure's follows none for long, since its hull bridges the gaps between its limbs; a ball's hull has no long edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64

from kiln.backends.silhouette.outline import Outline, OutlineGrid, body

CELLS = 200
"""Of the grid that is measured, along the subject's longer side."""

TOLERANCE = 0.015
"""How far a hull may bulge from a straight side. This and the next two are in sizes, size being the square root of the subject's area."""

SHORT, LONG = 0.35, 0.5
"""An edge this short is no side, one this long is. A circle, straightened to within TOLERANCE, has edges 0.26 long."""

GAP = 0.14
"""How far the outline may stay behind an edge that it follows, over the edge's length: knobs and plinths stand out by that much."""

LOOSE, CLOSE = 0.5, 0.8
"""Share of an edge that the outline must follow before it counts, and counts fully."""

REACH = 0.2
"""Standard deviation of the smoothing that carries the rim's straightness inward, in sizes."""

THIN_SHARE = 0.2
"""Parts that a disc of this share of the greatest inner radius cannot reach (a flag, a pole) stay round; knobs, feet and eaves do not."""

REACH_RIM = 0.03
"""The same for the change to thin parts."""

FEW, MANY = 0.1, 0.3
"""A body of which so little lies beside sides is boxy there only; one with so much is boxy all over: its roof and its lid too."""

LIMBED, COMPACT = 0.75, 0.85
"""Share of the area that belongs to the body: no block has this much in limbs, stems and gaps; one this compact can be."""

ROD, BLOCK = 0.52, 0.7
"""Typical half-width over the radius of a disc of the same area: 0.89 for a square, 0.78 for one twice as long, 0.61 four times. A pole is
straight all along and still round."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxiness:
    """How block-like a subject is, 0 to 1: at each point of a coarse grid (a smooth field), and overall."""

    grid: OutlineGrid
    field: Float32[np.ndarray, "nx ny"]
    overall: float
    sided: float
    """Share of the body that lies beside sides."""


def measure_boxiness(outline: Outline, *, asked: float | None = None) -> Boxiness:
    """What the outline's sides say, or the number asked for; thin parts are less boxy either way."""
    grid = outline.sample(max(outline.size) / CELLS)
    size = float(np.sqrt(grid.inside.sum()))
    within = body(grid).inside
    stout = cv2.GaussianBlur(body(grid, share=THIN_SHARE).inside.astype(np.float32), (0, 0), REACH_RIM * size)
    if asked is not None:
        return Boxiness(grid=grid, field=np.asarray(stout * np.float32(asked), np.float32), overall=asked, sided=asked)
    local = _beside_sides(grid, REACH * size)
    sided = float(local[within].mean())
    overall = float(np.interp(sided, (FEW, MANY), (0, 1)))
    block = _can_be_a_block(outline, float((within & grid.inside).sum() / grid.inside.sum()))
    field = np.float32(block) * stout * (1 - (1 - local) * np.float32(1 - overall))
    return Boxiness(grid=grid, field=np.asarray(field, np.float32), overall=block * overall, sided=sided)


def _can_be_a_block(outline: Outline, compactness: float) -> float:
    """0 for what has limbs or is a pole, 1 for what is one thick piece."""
    half_width = outline.half_width / float(np.sqrt(outline.area / np.pi))
    return float(np.interp(compactness, (LIMBED, COMPACT), (0, 1)) * np.interp(half_width, (ROD, BLOCK), (0, 1)))


def _beside_sides(grid: OutlineGrid, reach: float) -> Float32[np.ndarray, "nx ny"]:
    """Share of the rim about each point that lies on sides; `reach` is the standard deviation of "about", cells."""
    rim, value = _rim(grid)
    total, count = np.zeros_like(grid.distance), np.zeros_like(grid.distance)
    np.add.at(total, (rim[:, 1], rim[:, 0]), value)
    np.add.at(count, (rim[:, 1], rim[:, 0]), 1)
    total, count = (cv2.GaussianBlur(values, (0, 0), reach, borderType=cv2.BORDER_CONSTANT) for values in (total, count))
    return np.asarray(total / np.maximum(count, np.float32(1e-6)), np.float32)


def _rim(grid: OutlineGrid) -> tuple[Int64[np.ndarray, "n 2"], Float32[np.ndarray, " n"]]:
    """Points of the rim as (row, column) of the grid, and how surely each lies on a side."""
    contours, _ = cv2.findContours(grid.inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = np.concatenate(contours)
    size = float(np.sqrt(grid.inside.sum()))
    hull = cv2.approxPolyDP(cv2.convexHull(rim), TOLERANCE * size, True)[:, 0].astype(np.float64)
    points, value = rim[:, 0].astype(np.int64), np.zeros(len(rim), np.float32)
    for start, end in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        near, followed = _follows(points, start, end)
        length = float(np.hypot(*(end - start))) / size
        side = np.interp(length, (SHORT, LONG), (0, 1)) * np.interp(followed, (LOOSE, CLOSE), (0, 1))
        value[near] = np.maximum(value[near], np.float32(side))
    return points, value


def _follows(points: Int64[np.ndarray, "n 2"], start: np.ndarray, end: np.ndarray) -> tuple[Bool[np.ndarray, " n"], float]:
    """Which points lie beside the edge from start to end, and over what share of its length."""
    length = max(float(np.hypot(*(end - start))), 1e-9)
    along = (end - start) / length
    offset = points - start
    place, gap = offset @ along, np.abs(offset @ (-along[1], along[0]))
    near = (place >= 0) & (place <= length) & (gap < GAP * length)
    return near, len(np.unique(place[near].astype(np.int64))) / max(length, 1.0)
