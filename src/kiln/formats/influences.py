"""Which joints move a vertex, and how much: tidied as engines want them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Integer, UInt16


def tidy_influences(
    joints: Integer[np.ndarray, "n k"], weights: Float[np.ndarray, "n k"], *, most: int
) -> tuple[UInt16[np.ndarray, "n m"], Float32[np.ndarray, "n m"]]:
    """The `most` heaviest joints of each vertex, the heaviest first, weights summing to one; what is not needed is joint 0, weight 0.

    A joint that is listed twice gets both weights. Weights that are negative or no numbers count as 0; a vertex without any weight
    follows joint 0.
    """
    usable = np.where(np.isfinite(weights) & (weights > 0), weights, 0.0).astype(np.float64)
    for later in range(1, usable.shape[1]):
        for earlier in range(later):
            same = joints[:, earlier] == joints[:, later]
            usable[same, earlier] += usable[same, later]
            usable[same, later] = 0.0
    order = np.argsort(-usable, axis=1, kind="stable")[:, :most]
    kept = np.take_along_axis(usable, order, axis=1)
    kept[kept.sum(axis=1) == 0, 0] = 1.0
    kept = (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)
    numbers = np.where(kept > 0, np.take_along_axis(joints, order, axis=1), 0)
    numbers[usable.sum(axis=1) == 0, 0] = 0
    missing = most - kept.shape[1]
    return np.pad(numbers, ((0, 0), (0, missing))).astype(np.uint16), np.pad(kept, ((0, 0), (0, missing)))
