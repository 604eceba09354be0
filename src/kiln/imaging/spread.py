"""Fills a picture in from the pixels that are known, smoothly and everywhere at once."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32


def spread(
    values: Float32[np.ndarray, "height width channels"], weights: Float32[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width channels"]:
    """Values where the weight is 1, and elsewhere a weighted mean of the known ones near by, the smoother the farther they are.

    Pull-push over an image pyramid (Gortler et al., The Lumigraph, 1996, section 3.4.2): linear in the number of pixels. Weights are 0 to
    1; where no weight is positive anywhere, the result is 0.
    """
    levels = [_premultiplied(values, weights)]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        # A cell that is known in one of its four pixels counts as known: the factor 4 saturates the mean weight.
        levels.append(half * (np.minimum(4 * half[..., -1:], 1) / np.maximum(half[..., -1:], 1e-9)))
    filled = levels.pop()
    while levels:
        known = levels.pop()
        height, width = known.shape[:2]
        coarse = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR).reshape(known.shape)
        filled = known + (1 - known[..., -1:]) * coarse
    return filled[..., :-1] / np.maximum(filled[..., -1:], 1e-9)


def _premultiplied(
    values: Float32[np.ndarray, "height width channels"], weights: Float32[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width more"]:
    """Values times weight, then the weight as the last channel."""
    return cv2.merge([*(cv2.multiply(channel, weights) for channel in cv2.split(values)), weights])
