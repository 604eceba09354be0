"""Cuts triangles by a plane and closes both sides, so that parts of a solid stay solids."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.geometry.topology import label_components
from kiln.kernels.weld import equal_rows

Soup = Float64[np.ndarray, "_ 3 3"]
"""Triangles by their corners, metres; which of them share corners is found when needed."""


def clip(soup: Soup, normal: Float64[np.ndarray, " 3"], offset: float) -> tuple[Soup, Soup]:
    """What lies below the plane normal @ p = offset, and what lies above it.

    Each loop that the plane cuts is closed by a fan around its middle. For a loop that is not convex the fan folds over itself, within the
    loop's hull, and signed volumes are exact all the same.
    """
    heights = soup @ normal - offset
    above = (heights > 0).sum(axis=1)
    rims = []
    for alone_above in (False, True):
        rows = np.flatnonzero(above == (1 if alone_above else 2))
        rims.append(_split(soup[rows], heights[rows], alone_above=alone_above))
    (low_tips, high_stumps, low_rim), (high_tips, low_stumps, high_rim) = rims
    cap = fans(np.concatenate([low_rim, high_rim[:, ::-1]]))
    below = np.concatenate([soup[above == 0], low_tips, low_stumps, cap])
    return below, np.concatenate([soup[above == 3], high_tips, high_stumps, cap[:, ::-1]])


def pieces(soup: Soup) -> list[Soup]:
    """The soup's connected parts."""
    triangles, count = joined(soup)
    labels, found = label_components(triangles, point_count=count)
    return [soup[labels == label] for label in range(found)] if found > 1 else [soup]


def soup_volume(soup: Soup) -> float:
    """Signed volume, cubic metres: positive when a closed soup winds outward."""
    a, b, c = (soup[:, k] - soup.reshape(-1, 3).mean(axis=0) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def joined(rows: Float64[np.ndarray, "rows k 3"]) -> tuple[Int32[np.ndarray, "rows k"], int]:
    """The point each corner is, equal positions being one point, and how many there are."""
    # The bits of 0.0 and -0.0 differ; adding 0 makes both 0.0.
    classes, count = equal_rows((rows.reshape(-1, 3) + 0.0).view(np.int64))
    return classes.astype(np.int32).reshape(rows.shape[:2]), count


def _split(
    soup: Soup, heights: Float64[np.ndarray, "triangles 3"], *, alone_above: bool
) -> tuple[Soup, Soup, Float64[np.ndarray, "triangles 2 3"]]:
    """Triangles with one corner alone on its side: their tips, the rest in two, and the edges along which the lower side is open."""
    alone = np.argmax(heights, axis=1) if alone_above else np.argmin(heights, axis=1)
    rows = np.arange(len(soup))
    a, b, c = (soup[rows, (alone + k) % 3] for k in range(3))
    ha, hb, hc = (heights[rows, (alone + k) % 3] for k in range(3))
    # From the lower corner to the upper one in both triangles of an edge, so that both find the same point to the last bit.
    if alone_above:
        ab, ac = _between(b, a, hb, ha), _between(c, a, hc, ha)
    else:
        ab, ac = _between(a, b, ha, hb), _between(a, c, ha, hc)
    stumps = np.concatenate([np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)])
    return np.stack([a, ab, ac], axis=1), stumps, np.stack([ac, ab], axis=1)


def _between(
    low: Float64[np.ndarray, "n 3"], high: Float64[np.ndarray, "n 3"], below: Float64[np.ndarray, " n"], above: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n 3"]:
    """Where the height is 0 between two points of these heights."""
    return low + (below / (below - above))[:, None] * (high - low)


def fans(rim: Float64[np.ndarray, "edges 2 3"]) -> Soup:
    """A triangle for each edge, to the middle of the loop that it belongs to."""
    ends, count = joined(rim)
    triangles = np.column_stack([ends, ends[:, 0]])
    labels, loops = label_components(triangles, point_count=count)
    size: Int64[np.ndarray, " loops"] = np.bincount(labels, minlength=loops)
    middles = np.stack([np.bincount(labels, rim[:, 0, k], minlength=loops) for k in range(3)], axis=1) / np.maximum(size, 1)[:, None]
    proper: Bool[np.ndarray, " edges"] = ends[:, 0] != ends[:, 1]
    return np.concatenate([rim, middles[labels][:, None]], axis=1)[proper]
