"""Which vertices are the same point. Topology is always judged on welded vertices: UV seams split vertices that are one point."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from kiln.asset import Mesh
from kiln.kernels.weld import equal_rows, first_of_classes


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
    return mesh.take_vertices(first_of_classes(classes, count), classes.astype(np.uint32)[mesh.triangles])
