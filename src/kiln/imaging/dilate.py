"""Filling a map beyond its islands."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Int64, Shaped

from kiln.kernels import map_in_threads

_BAND = 1 << 20
"""Texels filled at a time."""


def nearest_covered(covered: Bool[np.ndarray, "height width"]) -> Int64[np.ndarray, "height width"]:
    """For every texel the covered texel nearest to it, as row * width + column; itself when it is covered.

    Taking every map through this index fills it whole, so that neither filtering nor any mipmap bleeds in what lies between islands.
    With nothing covered all indices are 0. (Euclidean distance to within 2 %: Borgefors 1986, 5 x 5 mask.)
    """
    if not covered.any():
        return np.zeros(covered.shape, np.int64)
    label, place = _labels(covered)
    return place[label].astype(np.int64)


def _labels(covered: Bool[np.ndarray, "height width"]) -> tuple[Int32[np.ndarray, "height width"], Int32[np.ndarray, " labels"]]:
    """For every texel the label of the covered one nearest to it, and where the texel of each label lies (row * width + column)."""
    away = np.where(covered, np.uint8(0), np.uint8(255))
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    place = np.zeros(int(label.max()) + 1, np.int32)
    place[label[covered]] = np.flatnonzero(covered)
    return label, place


def fill_beyond(covered: Bool[np.ndarray, "height width"], maps: Sequence[Shaped[np.ndarray, "height width ..."]]) -> None:
    """Give every texel that is not covered the value of the nearest covered one, in each map, in place, a band of rows at a time.

    In place, because maps of 8192 x 8192 texels take 1 GB and their copies would take another.
    """
    height, width = covered.shape
    label, place = _labels(covered)

    rows = max(1, _BAND // width)

    def fill(first: int) -> None:
        empty = np.flatnonzero(~covered[first : first + rows]) + first * width
        source = place[label.reshape(-1)[empty]]
        for texels in maps:
            whole = whole_texels(texels)
            whole[empty] = whole[source]

    if covered.any():
        map_in_threads(fill, range(0, height, rows))


def whole_texels(texels: Shaped[np.ndarray, "height width ..."]) -> Shaped[np.ndarray, " texels"]:
    """The same memory with one item a texel, all channels in one, row by row: numpy picks and places those up to six times as fast.

    The map must be contiguous.
    """
    height, width = texels.shape[:2]
    return texels.reshape(height * width, -1).view(np.dtype((np.void, texels.nbytes // (height * width))))[:, 0]
