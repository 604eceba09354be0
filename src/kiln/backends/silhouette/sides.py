"""How block-like a subject is, place by place: 1 beside the long straight sides of a crate or a house, 0 in heads, limbs and wings.

A side is a long straight edge of the convex hull that the outline follows closely. A crate's outline follows all of its hull's edges, fittings
or not; a figure's follows none for long, since its hull bridges the gaps between its limbs; a ball's hull has no long edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64

from kiln.backends.silhouette.outline import Outline, OutlineGrid

CELLS = 200
"""Of the grid that is measured, along the subject's longer side."""

TOLERANCE = 0.018
"""How far a hull may bulge from a straight side. This and the next two are in sizes, size being the square root of the subject's area."""

SHORT, LONG = 0.37, 0.5
"""An edge this short is no side, one this long is. A circle, straightened to within TOLERANCE, has edges 0.21 long."""

GAP = 0.14
"""How far the outline may stay behind an edge that it follows, over the edge's length: knobs and plinths stand out by that much."""

LOOSE, CLOSE = 0.5, 0.8
"""Share of an edge that the outline must follow before it counts, and counts fully."""

REACH = 0.2
"""Standard deviation of the smoothing that carries the rim's straightness inward, in sizes."""

BODY_SHARE = 0.35
"""Parts thinner than this share of the thickest are flags, handles, chimneys: round."""


def boxiness(outline: Outline) -> tuple[Float32[np.ndarray, "nx ny"], OutlineGrid]:
    """0 to 1 at each point of a coarse grid, smooth, and that grid."""
    grid = outline.sample(max(outline.size) / CELLS)
    reach = REACH * float(np.sqrt(outline.area)) / grid.spacing
    rim, value = _rim(grid)
    total, count = np.zeros_like(grid.distance), np.zeros_like(grid.distance)
    np.add.at(total, (rim[:, 1], rim[:, 0]), value)
    np.add.at(count, (rim[:, 1], rim[:, 0]), 1)
    total, count = (cv2.GaussianBlur(values, (0, 0), reach, borderType=cv2.BORDER_CONSTANT) for values in (total, count))
    stout = cv2.GaussianBlur(_stout(grid).astype(np.float32), (0, 0), reach / 4)
    return np.asarray(stout * total / np.maximum(count, np.float32(1e-6)), np.float32), grid


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


def _stout(grid: OutlineGrid) -> Bool[np.ndarray, "nx ny"]:
    """The subject without its thin parts: what a disc of BODY_SHARE of the greatest inner radius can reach."""
    radius = BODY_SHARE * float(grid.distance.max())
    away = cv2.distanceTransform((grid.distance <= radius).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(away * grid.spacing < radius + 2 * grid.spacing, np.bool_)
