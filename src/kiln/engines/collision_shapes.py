"""Boxes, spheres and capsules as the small meshes from which Unreal's importer recovers them.

Unreal reads meshes named UBX_, USP_ and UCP_ as primitives, which its physics handles faster and more smoothly than convex hulls. It looks
at nothing but their corners (StaticMeshImportUtils.cpp), and leaves out, with a line in the log only, what does not look right to it:

- a box by its three pairs of parallel faces, turned as it may be; both triangles of a face must come before those of the opposite one;
- a sphere by its bounding box, which must be a cube within 5 %, with all corners within 5 % of the radius;
- a capsule by the two corners farthest apart, its ends, and the corner farthest from the line between them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh, Primitive
from kiln.asset.rotation import rotation_matrix

_SEGMENTS = 16
"""Around the axis: a circle's width is off by 2 % at most, which the 5 % forgive."""

_RINGS = 4
"""From a pole to the equator."""

_MOST_OFF = 0.03
"""A hull's corners lie on the primitive within this share of the hull's diagonal: 0.019 where 32 corners were chosen for a sphere, 0.07 to
0.09 where a sphere or capsule was merely near."""

_LEAST_VOLUME = 0.75
"""And the hull has at least this share of the primitive's volume: a sphere's hull of 32 corners has 0.82."""

_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])

_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Counter-clockwise from outside, opposite ones in pairs."""


def is_same_body(hull: Mesh, primitive: Primitive) -> bool:
    """Whether the primitive may stand for the hull, which is what was measured and shown in the previews.

    `Asset.fits` are looser: a capsule may differ from a block by 15 % of the volume, and rolls where the block would stand.
    """
    from kiln.geometry.convex import hull_volume
    from kiln.geometry.fit import heights_over, primitive_volume

    corners = hull.positions.astype(np.float64)
    off = np.abs(heights_over(primitive, corners)).max() / hull.diagonal
    return bool(off <= _MOST_OFF and hull_volume(corners) >= _LEAST_VOLUME * primitive_volume(primitive))


def shape_mesh(primitive: Primitive) -> Mesh:
    """A closed mesh of the primitive, outward, in its asset's frame."""
    if primitive.kind == "box":
        points, triangles = _CORNERS * primitive.size, [t for a, b, c, d in _FACES for t in ((a, b, c), (a, c, d))]
    else:
        points, triangles = _round(radius=primitive.size[0] / 2, straight=max(0.0, primitive.size[1] - primitive.size[0]))
    turned = points @ rotation_matrix(np.array(primitive.rotation)).T + primitive.center
    return Mesh(positions=turned.astype(np.float32), triangles=np.array(triangles, np.uint32))


def _round(*, radius: float, straight: float) -> tuple[Float64[np.ndarray, "points 3"], list[tuple[int, int, int]]]:
    """A sphere about the origin, its poles on the Y axis, pulled apart at the equator by a straight piece (metres)."""
    upper = np.linspace(0, np.pi / 2, _RINGS + 1)[1:]
    theta = np.concatenate([upper, np.pi - upper[::-1]])
    shift = np.repeat([straight / 2, -straight / 2], _RINGS)
    if straight == 0:
        theta, shift = np.delete(theta, _RINGS), np.delete(shift, _RINGS)
    phi = 2 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    x, z = np.outer(np.sin(theta), np.sin(phi)) * radius, np.outer(np.sin(theta), np.cos(phi)) * radius
    y = np.repeat((np.cos(theta) * radius + shift)[:, None], _SEGMENTS, axis=1)
    pole = radius + straight / 2
    return np.concatenate([[(0, pole, 0)], np.stack([x, y, z], axis=-1).reshape(-1, 3), [(0, -pole, 0)]]), _wound(len(theta))


def _wound(rings: int) -> list[tuple[int, int, int]]:
    """Triangles over a pole, so many rings from top to bottom, and the other pole."""

    def at(ring: int, segment: int) -> int:
        return 1 + ring * _SEGMENTS + segment % _SEGMENTS

    last = 1 + rings * _SEGMENTS
    around = range(_SEGMENTS)
    triangles = [(0, at(0, s), at(0, s + 1)) for s in around]
    for ring in range(rings - 1):
        for s in around:
            a, b, c, d = at(ring, s), at(ring + 1, s), at(ring + 1, s + 1), at(ring, s + 1)
            triangles += [(a, b, c), (a, c, d)]
    return triangles + [(last, at(rings - 1, s + 1), at(rings - 1, s)) for s in around]
