"""Summing face normals at corners."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def add_corner_normals(positions: np.ndarray, triangles: np.ndarray, groups: np.ndarray, sums: np.ndarray) -> None:
    """Add to sums[groups[v]] each triangle's unit normal times the angle at its corner v.

    positions (V, 3) float32; triangles (F, 3) uint32; groups (V,) int64; sums (G, 3) float64, written. Triangles without area add nothing.
    """
    for t in range(len(triangles)):
        p = np.empty((3, 3))
        for k in range(3):
            for axis in range(3):
                p[k, axis] = positions[triangles[t, k], axis]
        ux, uy, uz = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1], p[1, 2] - p[0, 2]
        vx, vy, vz = p[2, 0] - p[0, 0], p[2, 1] - p[0, 1], p[2, 2] - p[0, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if not length > 0:
            continue
        for k in range(3):
            dot = 0.0
            for axis in range(3):
                e = p[(k + 1) % 3, axis] - p[k, axis]
                f = p[(k + 2) % 3, axis] - p[k, axis]
                dot += e * f
            # atan2 of |cross| and dot stays exact for needles, where acos of a dot product does not.
            angle = np.arctan2(length, dot)
            g = groups[triangles[t, k]]
            sums[g, 0] += angle * nx / length
            sums[g, 1] += angle * ny / length
            sums[g, 2] += angle * nz / length
