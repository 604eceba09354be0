"""What a sparse voxel grid says of points on the surface it surrounds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.spatial import cKDTree

from kiln.asset import Voxels
from kiln.kernels import in_threads
from kiln.kernels.voxels import hash_cells, sample_cells

_FARTHEST = 8
"""Cells from a point within which its nearest cell is looked for in the grid itself; beyond, in a tree of some of the cells."""

_TREE_CELLS = 1_000_000
"""Cells in that tree at most, evenly drawn: it is for strays, and a tree of 16M cells takes 15 s."""


class VoxelGrid:
    """A Voxels value made ready to be sampled: a hash table of its cells. 16M cells take 128 MB and about 1 s."""

    def __init__(self, voxels: Voxels) -> None:
        """ValueError when there is no voxel, or values and names do not fit together."""
        if not len(voxels.cells) or voxels.values.shape != (len(voxels.cells), len(voxels.layout)):
            raise ValueError(f"VoxelGrid: {len(voxels.cells)} cells, values of shape {voxels.values.shape}, channels {voxels.layout}")
        self.voxels = voxels
        self._table = np.full(1 << (2 * len(voxels.cells) - 1).bit_length(), -1, np.int32)
        hash_cells(voxels.cells, self._table)

    def sample(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n channels"]:
        """The channels at points (metres), clipped to 0..1: TRELLIS.2's rule (`query_attrs`).

        Trilinear between those of the eight nearest cells that exist, weights renormalised; where none exists, the nearest cell.
        """
        voxels = self.voxels
        at = (points.astype(np.float64) - voxels.origin) / voxels.size
        out = np.empty((len(points), len(voxels.layout)), np.float32)

        def look(a: int, b: int) -> None:
            if sample_cells(voxels.cells, voxels.values, self._table, at[a:b], _FARTHEST, out[a:b]):
                stray = a + np.flatnonzero(np.isnan(out[a:b, 0]))
                out[stray] = self._nearest(at[stray])

        in_threads(look, len(points), at_least=10_000)
        return np.clip(out, 0, 1)

    def _nearest(self, at: np.ndarray) -> Float32[np.ndarray, "n channels"]:
        """The values of the cells nearest to points far from all cells, of an even draw where there are very many."""
        some = slice(None, None, -(-len(self.voxels.cells) // _TREE_CELLS))
        _, nearest = cKDTree(self.voxels.cells[some] + 0.5).query(at)
        return self.voxels.values[some][nearest]
