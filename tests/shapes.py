"""Tiny meshes to assert laws on."""

from __future__ import annotations

import numpy as np

from kiln.asset import Mesh


def mesh(positions: object, triangles: object, **attributes: object) -> Mesh:
    return Mesh(positions=np.array(positions, np.float32), triangles=np.array(triangles, np.uint32), **attributes)


def tetrahedron() -> Mesh:
    """Closed, outward, corner at the origin."""
    return mesh(
        [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
        [
            (0, 2, 1),  # looks to -z
            (0, 1, 3),  # looks to -y
            (0, 3, 2),  # looks to -x
            (1, 2, 3),  # looks to (1, 1, 1)
        ],
    )


def cube(size: float = 1.0) -> Mesh:
    """Closed, outward, centred on the origin: 8 vertices, 12 triangles."""
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return mesh(corners, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def sphere(rings: int = 16, segments: int = 32, radius: float = 1.0) -> Mesh:
    """Closed, outward, poles on the Y axis, one vertex a point."""
    theta = np.pi * np.arange(1, rings) / rings
    phi = 2 * np.pi * np.arange(segments) / segments
    ring = np.stack(
        [np.outer(np.sin(theta), np.sin(phi)), np.outer(np.cos(theta), np.ones(segments)), np.outer(np.sin(theta), np.cos(phi))], -1
    )
    positions = np.concatenate([[(0, 1, 0)], ring.reshape(-1, 3), [(0, -1, 0)]]) * radius
    at = lambda r, s: 1 + r * segments + s % segments  # noqa: E731
    last = len(positions) - 1
    triangles = [(0, at(0, s), at(0, s + 1)) for s in range(segments)]
    for r in range(rings - 2):
        for s in range(segments):
            triangles += [(at(r, s), at(r + 1, s), at(r + 1, s + 1)), (at(r, s), at(r + 1, s + 1), at(r, s + 1))]
    triangles += [(last, at(rings - 2, s + 1), at(rings - 2, s)) for s in range(segments)]
    return mesh(positions, triangles)


def refined(solid: Mesh, times: int) -> Mesh:
    """Every triangle cut into four, again and again."""
    for _ in range(times):
        corners = solid.positions[solid.triangles]
        middles = (corners + np.roll(corners, -1, axis=1)) / 2
        (a, b, c), (d, e, f) = corners.transpose(1, 0, 2), middles.transpose(1, 0, 2)
        soup = np.stack([np.stack(t, axis=1) for t in ((a, d, f), (d, b, e), (f, e, c), (d, e, f))], axis=1)
        solid = mesh(soup.reshape(-1, 3), np.arange(soup.size // 3).reshape(-1, 3))
    return solid


def grid(columns: int, rows: int) -> Mesh:
    """A flat sheet of unit squares, two triangles each, row by row."""
    x, y = np.meshgrid(np.arange(columns + 1), np.arange(rows + 1))
    at = lambda i, j: j * (columns + 1) + i  # noqa: E731
    quads = [(at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)) for j in range(rows) for i in range(columns)]
    return mesh(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1), [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
