"""A mesh's triangles in a tree: winding numbers about them, and the nearest one to a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.kernels import in_threads
from kiln.kernels.triangle_tree import NODE_WIDTH, build_tree, find_nearest
from kiln.kernels.winding import wind_around

_LEAF = 4
"""Triangles of a leaf, about."""

_BITS = 21
"""Of each axis on the space-filling curve."""

_SPREADS = ((32, 0x1F00000000FFFF), (16, 0x1F0000FF0000FF), (8, 0x100F00F00F00F00F), (4, 0x10C30C30C30C30C3), (2, 0x1249249249249249))
"""Shifts and masks that put two zeros between the bits of a number of 21."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nearest:
    """The triangle nearest to each point."""

    triangle: Int32[np.ndarray, " points"]
    """-1 where none is within reach."""

    bary: Float32[np.ndarray, "points 2"]
    """Weights of the triangle's second and third corner at the nearest place."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


class TriangleTree:
    """A mesh made ready for winding numbers and nearest triangles; 500k triangles take 0.25 s."""

    def __init__(self, mesh: Mesh) -> None:
        corners = mesh.positions.astype(np.float64)[mesh.triangles]
        self._order = _along_curve(corners.mean(axis=1))
        self._corners = corners[self._order]
        leaves = 1 << max(0, int(np.ceil(np.log2(max(mesh.triangle_count, 1) / _LEAF))))
        self._nodes = np.empty((2 * leaves - 1, NODE_WIDTH))
        build_tree(self._corners, leaves, self._nodes, np.empty(2 * leaves - 1))

    def winding(self, points: Float64[np.ndarray, "n 3"], *, together: int = 1) -> Float32[np.ndarray, " n"]:
        """How many times the mesh winds around each point: 1 inside a closed outward mesh, 0 outside, between for a mesh with holes.

        The generalized winding number (Jacobson et al. 2013), far triangles seen together (Barill et al. 2018), exact to about 0.03.
        Points that come in runs of `together` neighbours share their way through the tree.
        """
        out = np.empty(len(points), np.float32)
        runs = -(-len(points) // together)
        in_threads(lambda a, b: wind_around(self._nodes, self._corners, points, together, out, a, b), runs, at_least=64)
        return out

    def nearest(self, points: Float64[np.ndarray, "n 3"], *, reach: float = np.inf) -> Nearest:
        """The triangle nearest to each point within reach (metres), and where on it."""
        found, bary = np.empty(len(points), np.int32), np.empty((len(points), 2), np.float32)
        in_threads(lambda a, b: find_nearest(self._nodes, self._corners, points, reach, found, bary, a, b), len(points), at_least=5_000)
        triangle = np.where(found < 0, -1, self._order[found]).astype(np.int32)
        return Nearest(triangle=triangle, bary=bary)


def _along_curve(points: Float64[np.ndarray, "n 3"]) -> Int64[np.ndarray, " n"]:
    """An order in which points that follow each other lie near each other: along Morton's curve."""
    if len(points) == 0:
        return np.zeros(0, np.int64)
    low = points.min(axis=0)
    scale = ((1 << _BITS) - 1) / max(float((points.max(axis=0) - low).max()), 1e-300)
    code = np.zeros(len(points), np.uint64)
    for axis in range(3):
        bits = ((points[:, axis] - low[axis]) * scale).astype(np.uint64)
        for shift, mask in _SPREADS:
            bits = (bits | bits << np.uint64(shift)) & np.uint64(mask)
        code |= bits << np.uint64(axis)
    return np.argsort(code, kind="stable").astype(np.int64)
