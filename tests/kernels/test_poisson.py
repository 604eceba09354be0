"""The relaxation against a direct solve."""

from __future__ import annotations

import numpy as np

from kiln.kernels.poisson import relax


def test_relaxation_ends_at_the_direct_solution() -> None:
    rng = np.random.default_rng(0)
    inside = np.zeros((9, 11), bool)
    inside[1:-1, 1:-1] = rng.random((7, 9)) < 0.8
    diagonal = np.where(inside, 4 + rng.random(inside.shape), 0).astype(np.float32)
    number = np.cumsum(inside).reshape(inside.shape) - 1
    matrix = np.zeros((inside.sum(), inside.sum()))
    for i, j in np.argwhere(inside):
        matrix[number[i, j], number[i, j]] = diagonal[i, j]
        for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if inside[a, b]:
                matrix[number[i, j], number[a, b]] = -1
    u = np.zeros(inside.shape, np.float32)
    relax(u, diagonal, 0.25, 1.5, 200)
    np.testing.assert_allclose(u[inside], np.linalg.solve(matrix, np.full(len(matrix), 0.25)), rtol=1e-4)
    assert (u[~inside] == 0).all()
