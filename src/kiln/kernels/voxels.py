"""Looking up cells of a sparse grid by a hash table."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled, inner


@inner
def _slot(x: int, y: int, z: int, mask: int) -> int:
    """Where in the table a cell's search begins (Teschner et al. 2003, with a final mix so that planes of cells do not pile up)."""
    key = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791)
    key ^= key >> 15
    return (key * 2654435761 >> 7) & mask


@inner
def _find(cells: np.ndarray, table: np.ndarray, x: int, y: int, z: int) -> int:
    """Number of the cell at x, y, z, or -1."""
    mask = len(table) - 1
    slot = _slot(x, y, z, mask)
    while table[slot] >= 0:
        k = table[slot]
        if cells[k, 0] == x and cells[k, 1] == y and cells[k, 2] == z:
            return int(k)
        slot = (slot + 1) & mask
    return -1


@compiled
def hash_cells(cells: np.ndarray, table: np.ndarray) -> None:
    """Fill table with each cell's number; of equal cells the first.

    table (2^n,) int32, filled with -1, at least twice as long as cells (N, 3) int32.
    """
    mask = len(table) - 1
    for k in range(len(cells)):
        if _find(cells, table, cells[k, 0], cells[k, 1], cells[k, 2]) >= 0:
            continue
        slot = _slot(cells[k, 0], cells[k, 1], cells[k, 2], mask)
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = k


@compiled
def sample_cells(cells: np.ndarray, values: np.ndarray, table: np.ndarray, points: np.ndarray, farthest: int, out: np.ndarray) -> int:
    """Fill out with the grid's values at points, and return how many points have no cell within `farthest` cells: those are NaN.

    cells (N, 3) int32; values (N, C) float32; table from hash_cells; points (P, 3) float64 in cells, cell i being centred at i + 1/2; out
    (P, C) float32. Trilinear between those of the eight nearest cells that exist, their weights made to sum to one; where none exists, the
    cell whose centre is nearest, looked for in cubes that grow.
    """
    lost = 0
    for n in range(len(points)):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        left, low, back = int(np.floor(px - 0.5)), int(np.floor(py - 0.5)), int(np.floor(pz - 0.5))
        out[n] = 0
        total = 0.0
        for corner in range(8):
            x, y, z = left + (corner & 1), low + (corner >> 1 & 1), back + (corner >> 2)
            weight = (1 - abs(px - x - 0.5)) * (1 - abs(py - y - 0.5)) * (1 - abs(pz - z - 0.5))
            k = _find(cells, table, x, y, z) if weight > 0 else -1
            if k >= 0:
                total += weight
                for c in range(values.shape[1]):
                    out[n, c] += weight * values[k, c]
        if total > 1e-9:
            for c in range(values.shape[1]):
                out[n, c] /= total
            continue
        nearest = _nearest(cells, table, px, py, pz, farthest)
        lost += nearest < 0
        for c in range(values.shape[1]):
            out[n, c] = values[nearest, c] if nearest >= 0 else np.nan
    return lost


@inner
def _nearest(cells: np.ndarray, table: np.ndarray, px: float, py: float, pz: float, farthest: int) -> int:
    """The cell whose centre is nearest to a point, or -1: shells of cells about it, until the next shell cannot hold a nearer one."""
    x, y, z = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
    best, found = np.inf, -1
    for ring in range(farthest + 1):
        if (ring - 0.5) * max(ring - 0.5, 0.0) > best:
            break
        for dx in range(-ring, ring + 1):
            for dy in range(-ring, ring + 1):
                step = 1 if abs(dx) == ring or abs(dy) == ring else 2 * ring
                for dz in range(-ring, ring + 1, max(step, 1)):
                    k = _find(cells, table, x + dx, y + dy, z + dz)
                    if k >= 0:
                        square = (px - x - dx - 0.5) ** 2 + (py - y - dy - 0.5) ** 2 + (pz - z - dz - 0.5) ** 2
                        if square < best:
                            best, found = square, k
    return found
