"""Faces of any number of corners, with an attribute set a corner, as triangles over split vertices."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt32

from kiln.kernels.polygons import clip_ears
from kiln.kernels.weld import equal_rows, first_of_classes


def triangulate(
    positions: Float64[np.ndarray, "vertices 3"], sizes: Int64[np.ndarray, " faces"], corners: Int64[np.ndarray, " corners"]
) -> tuple[Int64[np.ndarray, "triangles 3"], Int64[np.ndarray, " triangles"]]:
    """Triangles as corner numbers, and the face of each. Faces have sizes[f] consecutive corners, 3 at least; concave ones are clipped."""
    if (sizes == 3).all():
        return np.arange(len(corners)).reshape(-1, 3), np.arange(len(sizes))
    triangles = np.empty((int((sizes - 2).sum()), 3), np.int64)
    clip_ears(positions, sizes, corners, triangles)
    return triangles, np.repeat(np.arange(len(sizes)), sizes - 2)


def equal_corners(keys: Shaped[np.ndarray, "n k"]) -> tuple[UInt32[np.ndarray, " n"], Int64[np.ndarray, " distinct"]]:
    """The class of equal rows each row is in, numbered in order of appearance, and the first row of each class.

    Rows hold 4-byte or 8-byte numbers and are compared bit by bit, after -0.0 became 0.0.
    """
    classes, count = equal_rows(keys)
    return classes.astype(np.uint32), first_of_classes(classes, count)
