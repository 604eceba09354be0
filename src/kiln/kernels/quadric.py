"""Error quadrics: sums of squared distances to planes (Garland and Heckbert 1997).

A quadric is ten numbers (a00, a01, a02, a11, a12, a22, b0, b1, b2, c); its value at x is x'Ax + 2 b'x + c.
"""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled, inner

_ANCHOR = 1e-5
"""Weight, relative to the planes', of the pull to the edge's middle that makes every placement problem well-posed (flat regions, straight
creases). 1e-3 rounded a cube's corners off by 3e-4 of its volume."""


@inner
def _add_plane(quadric: np.ndarray, nx: float, ny: float, nz: float, d: float, weight: float) -> None:
    """Add weight times the squared distance to the plane nx x + ny y + nz z + d = 0 (unit normal)."""
    quadric[0] += weight * nx * nx
    quadric[1] += weight * nx * ny
    quadric[2] += weight * nx * nz
    quadric[3] += weight * ny * ny
    quadric[4] += weight * ny * nz
    quadric[5] += weight * nz * nz
    quadric[6] += weight * nx * d
    quadric[7] += weight * ny * d
    quadric[8] += weight * nz * d
    quadric[9] += weight * d * d


@compiled
def add_quadrics(positions: np.ndarray, corners: np.ndarray, held: np.ndarray, hold: float, quadrics: np.ndarray) -> None:
    """Add to each point the quadrics of its triangles' planes, weighted by area, and of the edges that should stay where they are.

    positions (P, 3) float64; corners (F, 3) int32; held (F, 3) bool marks half-edges that are open or seams: they add the plane
    through the edge that stands upright on the triangle, weighted by the edge's squared length times hold. quadrics (P, 10) is written.
    """
    for t in range(len(corners)):
        a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
        u, v = positions[b] - positions[a], positions[c] - positions[a]
        nx, ny, nz = u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if not length > 0:
            continue
        nx, ny, nz = nx / length, ny / length, nz / length
        d = -(nx * positions[a, 0] + ny * positions[a, 1] + nz * positions[a, 2])
        for k in range(3):
            _add_plane(quadrics[corners[t, k]], nx, ny, nz, d, length / 2)
            if held[t, k]:
                p, q = corners[t, k], corners[t, (k + 1) % 3]
                e = positions[q] - positions[p]
                mx, my, mz = e[1] * nz - e[2] * ny, e[2] * nx - e[0] * nz, e[0] * ny - e[1] * nx
                squared = mx * mx + my * my + mz * mz
                s = 1 / np.sqrt(squared)
                w = -s * (mx * positions[p, 0] + my * positions[p, 1] + mz * positions[p, 2])
                _add_plane(quadrics[p], mx * s, my * s, mz * s, w, hold * squared)
                _add_plane(quadrics[q], mx * s, my * s, mz * s, w, hold * squared)


@inner
def squared_error(q: np.ndarray, r: np.ndarray, x: float, y: float, z: float) -> float:
    """Value of the sum of two quadrics at a point, never negative."""
    ax = (q[0] + r[0]) * x + 2 * ((q[1] + r[1]) * y + (q[2] + r[2]) * z + q[6] + r[6])
    ay = (q[3] + r[3]) * y + 2 * ((q[4] + r[4]) * z + q[7] + r[7])
    az = (q[5] + r[5]) * z + 2 * (q[8] + r[8])
    return max(0.0, ax * x + ay * y + az * z + q[9] + r[9])


@inner
def best_place(q: np.ndarray, r: np.ndarray, mx: float, my: float, mz: float) -> tuple[float, float, float]:
    """The point of least q + r, weakly anchored at (mx, my, mz), by Cramer's rule."""
    anchor = _ANCHOR * (q[0] + r[0] + q[3] + r[3] + q[5] + r[5]) + 1e-300
    a, b, c = q[0] + r[0] + anchor, q[1] + r[1], q[2] + r[2]
    d, e, f = q[3] + r[3] + anchor, q[4] + r[4], q[5] + r[5] + anchor
    x, y, z = anchor * mx - q[6] - r[6], anchor * my - q[7] - r[7], anchor * mz - q[8] - r[8]
    s, t, u = d * f - e * e, c * e - b * f, b * e - c * d
    inverse = 1 / (a * s + b * t + c * u)
    v, w, k = a * f - c * c, b * c - a * e, a * d - b * b
    return (s * x + t * y + u * z) * inverse, (t * x + v * y + w * z) * inverse, (u * x + w * y + k * z) * inverse
