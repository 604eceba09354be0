"""Relaxation of a screened Poisson equation on a masked grid."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def relax(u: np.ndarray, diagonal: np.ndarray, source: float, over: float, sweeps: int) -> None:
    """Successive over-relaxation of diagonal u - (sum of the four neighbours) = source at the points where diagonal > 0; u is changed.

    u and diagonal are (X, Y) float32; the outermost points are not inside, points that are not inside hold 0. `over` is the relaxation
    factor, 1 to 2. Sweeps go forward and back in turn, so that the result leans to no side.
    """
    size_x, size_y = u.shape
    for sweep in range(sweeps):
        forward = sweep % 2 == 0
        for a in range(1, size_x - 1):
            i = a if forward else size_x - 1 - a
            for b in range(1, size_y - 1):
                j = b if forward else size_y - 1 - b
                if diagonal[i, j] > 0:
                    around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                    u[i, j] += over * ((source + around) / diagonal[i, j] - u[i, j])
