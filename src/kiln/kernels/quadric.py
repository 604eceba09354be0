"""Error quadrics: sums of squared distances to planes (Garland and Heckbert 1997).

A quadric is ten numbers (a00, a01, a02, a11, a12, a22, b0, b1, b2, c); its value at x is x'Ax + 2 b'x + c.
"""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled, inner

_ANCHOR = 1e-5
"""Weight, relative to the planes', of the pull to the edge's middle that makes every placement problem well-posed (flat regions, straight
creases). 1e-3 rounded a cube's corners off by 3e-4 of its volume."""


Quadric = tuple[float, float, float, float, float, float, float, float, float, float]


@inner
def _add_plane(quadrics: np.ndarray, row: int, nx: float, ny: float, nz: float, d: float, weight: float) -> None:
    """Add weight times the squared distance to the plane nx x + ny y + nz z + d = 0 (unit normal)."""
    quadrics[row, 0] += weight * nx * nx
    quadrics[row, 1] += weight * nx * ny
    quadrics[row, 2] += weight * nx * nz
    quadrics[row, 3] += weight * ny * ny
    quadrics[row, 4] += weight * ny * nz
    quadrics[row, 5] += weight * nz * nz
    quadrics[row, 6] += weight * nx * d
    quadrics[row, 7] += weight * ny * d
    quadrics[row, 8] += weight * nz * d
    quadrics[row, 9] += weight * d * d


@compiled
def add_quadrics(positions: np.ndarray, corners: np.ndarray, hold: np.ndarray, quadrics: np.ndarray) -> None:
    """Add to each point the quadrics of its triangles' planes, weighted by area, and of the edges that should stay where they are.

    positions (P, 3) float64; corners (F, 3) int32; hold (F, 3) float64 is above 0 for half-edges that are open or seams: they add the
    plane through the edge that stands upright on the triangle, weighted by the edge's squared length times hold. quadrics (P, 10) is
    written.
    """
    p = positions
    for t in range(len(corners)):
        a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
        ux, uy, uz = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
        vx, vy, vz = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if not length > 0:
            continue
        nx, ny, nz = nx / length, ny / length, nz / length
        d = -(nx * p[a, 0] + ny * p[a, 1] + nz * p[a, 2])
        for k in range(3):
            i, j = corners[t, k], corners[t, (k + 1) % 3]
            _add_plane(quadrics, i, nx, ny, nz, d, length / 2)
            if hold[t, k] > 0:
                ex, ey, ez = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
                mx, my, mz = ey * nz - ez * ny, ez * nx - ex * nz, ex * ny - ey * nx
                squared = mx * mx + my * my + mz * mz
                mx, my, mz = mx / np.sqrt(squared), my / np.sqrt(squared), mz / np.sqrt(squared)
                w = -(mx * p[i, 0] + my * p[i, 1] + mz * p[i, 2])
                _add_plane(quadrics, i, mx, my, mz, w, hold[t, k] * squared)
                _add_plane(quadrics, j, mx, my, mz, w, hold[t, k] * squared)


@inner
def squared_error(q: Quadric, x: float, y: float, z: float) -> float:
    """Value of a quadric at a point, never negative."""
    ax = q[0] * x + 2 * (q[1] * y + q[2] * z + q[6])
    ay = q[3] * y + 2 * (q[4] * z + q[7])
    az = q[5] * z + 2 * q[8]
    return max(0.0, ax * x + ay * y + az * z + q[9])


@inner
def best_place(q: Quadric, mx: float, my: float, mz: float) -> tuple[float, float, float]:
    """The point of least error, weakly anchored at (mx, my, mz), by Cramer's rule."""
    anchor = _ANCHOR * (q[0] + q[3] + q[5]) + 1e-300
    a, b, c, d, e, f = q[0] + anchor, q[1], q[2], q[3] + anchor, q[4], q[5] + anchor
    x, y, z = anchor * mx - q[6], anchor * my - q[7], anchor * mz - q[8]
    s, t, u = d * f - e * e, c * e - b * f, b * e - c * d
    inverse = 1 / (a * s + b * t + c * u)
    v, w, k = a * f - c * c, b * c - a * e, a * d - b * b
    return (s * x + t * y + u * z) * inverse, (t * x + v * y + w * z) * inverse, (u * x + w * y + k * z) * inverse
