"""Filling a map beyond its islands."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Int64


def nearest_covered(covered: Bool[np.ndarray, "height width"]) -> Int64[np.ndarray, "height width"]:
    """For every texel the covered texel nearest to it, as row * width + column; itself when it is covered.

    Taking every map through this index fills it whole, so that neither filtering nor any mipmap bleeds in what lies between islands.
    With nothing covered all indices are 0. (Euclidean distance to within 2 %: Borgefors 1986, 5 x 5 mask.)
    """
    if not covered.any():
        return np.zeros(covered.shape, np.int64)
    away = np.where(covered, 0, 255).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    place = np.zeros(int(label.max()) + 1, np.int64)
    place[label[covered]] = np.flatnonzero(covered)
    return place[label]
