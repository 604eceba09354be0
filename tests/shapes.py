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
