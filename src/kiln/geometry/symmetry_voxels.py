"""A voxel grid of attributes made symmetric, as its mesh is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int32
from scipy.spatial import cKDTree

from kiln.asset import Voxels
from kiln.geometry.symmetry import Kaleidoscope
from kiln.kernels.weld import equal_rows, first_of_classes

_NEAR = 0.87
"""A cell gets the value of the nearest one if that is at most half a cell's diagonal away, in cells."""

_AROUND = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
"""The eight cells whose centres surround a point."""


def symmetrized_voxels(voxels: Voxels, glass: Kaleidoscope) -> Voxels:
    """The voxels of the part before the walls, and their images in the same grid, each with the value of the nearest voxel's.

    A grid's images lie between its cells, so colours are moved by at most half a cell's diagonal; those of the kept part stay.
    """
    origin = np.array(voxels.origin)
    centres = origin + (voxels.cells + 0.5) * voxels.size
    # One cell more than the part has, so that the surface at a wall finds its own colour.
    kept = np.flatnonzero(np.linalg.norm(glass.folded(centres) - centres, axis=1) <= 2 * voxels.size)
    cells = _image_cells(centres[kept], glass, origin=origin, size=voxels.size)
    folded = glass.folded(origin + (cells + 0.5) * voxels.size)
    away, nearest = cKDTree(centres[kept], balanced_tree=False, compact_nodes=False).query(folded, distance_upper_bound=_NEAR * voxels.size)
    near = np.isfinite(away)
    return replace(voxels, cells=cells[near], values=voxels.values[kept[np.asarray(nearest)[near]]])


def _image_cells(
    centres: Float64[np.ndarray, "kept 3"], glass: Kaleidoscope, *, origin: Float64[np.ndarray, " 3"], size: float
) -> Int32[np.ndarray, "cells 3"]:
    """The cells around every image of these points, each once."""
    found = []
    for image in glass.images():
        lowest = np.floor(((centres - glass.origin) @ image.T + glass.origin - origin) / size - 0.5 + 1e-6).astype(np.int32)
        around = (lowest[:, None] + _AROUND).reshape(-1, 3).astype(np.int32)
        classes, count = equal_rows(around)
        found.append(around[first_of_classes(classes, count)])
    cells = np.concatenate(found)
    classes, count = equal_rows(cells)
    return cells[first_of_classes(classes, count)]
