"""The gap between charts in an atlas."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Int32, Int64


def least_gap(charts: Int32[np.ndarray, "height width"]) -> float | None:
    """Fewest empty texels between two charts, from a map of the chart at each texel (-1: none).

    Every empty texel is given to the nearest chart texel; where neighbours were given to different charts, those two texels are measured.
    """
    covered = charts >= 0
    _, nearest = cv2.distanceTransformWithLabels((~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    sites = np.flatnonzero(covered).astype(np.int32)
    if not len(sites):
        return None
    site_of_label = np.zeros(len(sites) + 1, np.int32)
    site_of_label[nearest.reshape(-1)[sites]] = sites
    owner = charts.reshape(-1)[site_of_label][nearest]
    here, there = (site_of_label[nearest.reshape(-1)[side]] for side in _meetings(owner))
    if not len(here):
        return None
    width = charts.shape[1]
    across, down = np.abs(here % width - there % width), np.abs(here // width - there // width)
    return float(np.hypot(np.maximum(across - 1, 0), np.maximum(down - 1, 0)).min())


def _meetings(owner: Int32[np.ndarray, "height width"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Flat indices of neighbouring texels, right and below, that belong to different charts."""
    width = owner.shape[1]
    flat = owner.reshape(-1)
    right = np.flatnonzero(flat[1:] != flat[:-1])
    right = right[right % width != width - 1]  # a row's end is no neighbour of the next row's start
    below = np.flatnonzero(flat[width:] != flat[:-width])
    return np.concatenate([right, below]), np.concatenate([right + 1, below + width])
