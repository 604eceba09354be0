"""Which vertices are the same point. Topology is always judged on welded vertices: UV seams split vertices that are one point."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from kiln.asset import Mesh
from kiln.kernels.weld import first_equal_row


def equal_rows(rows: Shaped[np.ndarray, "n k"]) -> tuple[Int64[np.ndarray, " n"], int]:
    """The class of equal rows each row belongs to, classes numbered in order of appearance, and how many there are.

    Rows hold 4-byte or 8-byte numbers and are compared bit by bit, except that -0.0 equals 0.0.
    """
    plain = rows + 0.0 if rows.dtype.kind == "f" else rows  # -0.0 + 0.0 is +0.0
    words = np.ascontiguousarray(plain).view(np.uint32)
    slots = np.full(1 << max(4, int(2 * len(words)).bit_length()), -1, np.int64)
    classes = np.empty(len(words), np.int64)
    return classes, first_equal_row(words, classes, slots)


def weld_classes(positions: Float32[np.ndarray, "vertices 3"], *, tolerance: float = 0.0) -> tuple[Int64[np.ndarray, " vertices"], int]:
    """The point each vertex lies on, points numbered in order of appearance, and how many there are.

    With a tolerance (metres) vertices that round to the same cell of that size are one point; 0 welds only exactly equal positions.
    """
    if tolerance <= 0:
        return equal_rows(positions)
    return equal_rows(np.floor(positions.astype(np.float64) / tolerance + 0.5).astype(np.int64))


def weld(mesh: Mesh, *, tolerance: float = 0.0) -> Mesh:
    """The mesh with one vertex a point, placed and attributed as the first vertex there. Seams in UVs or normals are lost."""
    classes, count = weld_classes(mesh.positions, tolerance=tolerance)
    if count == mesh.vertex_count:
        return mesh
    first = np.full(count, mesh.vertex_count, np.int64)
    np.minimum.at(first, classes, np.arange(mesh.vertex_count))
    return mesh.take_vertices(first, classes.astype(np.uint32)[mesh.triangles])
