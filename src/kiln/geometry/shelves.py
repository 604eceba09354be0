"""Packing thousands of small charts in a blink: boxes on shelves."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

_HALVINGS = 24
"""Of the interval in which the largest scale lies."""


def shelved(
    sides: Float64[np.ndarray, "boxes 2"], *, padding: float, most: float = np.inf
) -> tuple[Float64[np.ndarray, "boxes 2"], float] | None:
    """Lower corners of the boxes in the unit square, and the largest scale up to `most` at which they fit; None when they fit at none.

    sides are widths and heights in any unit; boxes are placed highest first, left to right on shelves, padding apart, half of it from
    the square's border.
    """
    order = np.argsort(-sides[:, 1], kind="stable")
    low, high = 0.0, 1 / max(float(np.sqrt(sides.prod(axis=1).sum())), float(sides.max()), 1e-300)
    high = min(high, most)
    placed = _placed(sides[order] * high + padding)
    fit = None if placed is None else (placed, high)
    for _ in range(_HALVINGS if fit is None else 0):
        scale = (low + high) / 2
        placed = _placed(sides[order] * scale + padding)
        if placed is None:
            high = scale
        else:
            low, fit = scale, (placed, scale)
    if fit is None:
        return None
    corners = np.empty_like(sides)
    corners[order] = fit[0] + padding / 2
    return corners, fit[1]


def _placed(sides: Float64[np.ndarray, "boxes 2"]) -> Float64[np.ndarray, "boxes 2"] | None:
    """Lower corners of boxes that are sorted by height, or None when they do not fit the unit square."""
    ends = np.cumsum(sides[:, 0])
    corners = np.empty_like(sides)
    first, bottom = 0, 0.0
    while first < len(sides):
        start = ends[first] - sides[first, 0]
        after: Int64[np.ndarray, ""] = np.searchsorted(ends, start + 1.0, side="right")
        if after == first or bottom + sides[first, 1] > 1:
            return None
        corners[first:after, 0] = ends[first:after] - sides[first:after, 0] - start
        corners[first:after, 1] = bottom
        bottom += sides[first, 1]
        first = int(after)
    return corners
