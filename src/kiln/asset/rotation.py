"""Rotations: matrices for column vectors, and unit quaternions x, y, z, w."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def rotation_matrix(quaternion: Float64[np.ndarray, " 4"]) -> Float64[np.ndarray, "3 3"]:
    """The matrix of a quaternion of any length; one of length 0 turns nothing."""
    length = np.linalg.norm(quaternion)
    if not length > 0:
        return np.eye(3)
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(matrix: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 4"]:
    """The unit quaternion of a rotation, its w not negative.

    Its products q_i q_j are the matrix's sums and differences (Bar-Itzhack, "New method for extracting the quaternion from a rotation
    matrix", 2000): the row of the largest square among them divides best.
    """
    m = matrix
    products = np.array(
        [
            [1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - m[0, 0] - m[1, 1] + m[2, 2], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    row = products[int(np.argmax(np.diagonal(products)))]
    return row / np.linalg.norm(row) * (1.0 if row[3] >= 0 else -1.0)
