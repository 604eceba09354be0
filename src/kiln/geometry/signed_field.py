"""A field on a grid whose zero is the surface that a broken mesh means: signs from winding numbers, sizes from distances."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.deadline import KeepGoing, without_end
from kiln.geometry.triangle_tree import TriangleTree
from kiln.kernels import map_in_threads
from kiln.kernels.band import spread_distances

BLOCK = 4
"""Grid points on a side of the blocks that winding numbers are asked for in detail, or once at their middle."""

_REACH = 1.01
"""Cells up to which distances are measured and winding numbers asked for: both ends of an edge that a triangle crosses lie within one."""

_LAYERS = 16
"""Layers of the grid that distances are measured in at a time."""

_STEEPNESS = 4.0
"""Cells that a winding number half a turn off stands for. On whole surfaces distances are smaller and so count; across holes, where the
winding number fades from 1 to 0 over many cells, this is smaller and spans the hole smoothly."""

_UNSURE = 0.2
"""A place off the surface that is this near to the level may have the level run past it."""

_OFF_SURFACE = 0.5
"""Cells from the mesh at which a winding number stops being a matter of single triangles."""


def signed_field(
    mesh: Mesh,
    tree: TriangleTree,
    *,
    origin: Float64[np.ndarray, " 3"],
    cell: float,
    size: Int64[np.ndarray, " 3"],
    level: float,
    keep_going: KeepGoing = without_end,
) -> Float32[np.ndarray, "x y z"]:
    """The field, in cells, positive where the mesh winds more often than `level` around a grid point; size is in whole pairs of blocks.

    A winding number changes suddenly only across a triangle. So it is asked for at the middles of blocks, at points within a cell of the
    mesh, and wherever it is near the level, which holes make it; every other point has the sign of a neighbour.
    """
    distance = _distances(mesh, origin, cell, size, keep_going)
    blocks = tuple(n // BLOCK for n in distance.shape)
    coarse = np.empty(blocks, np.float32)
    middles = _places(np.argwhere(np.ones([n // 2 for n in blocks], bool)), 2)
    coarse[tuple(middles.reshape(-1, 3).T)] = _wound(tree, middles, origin + cell * (BLOCK - 1) / 2, cell * BLOCK, level)
    field = np.repeat(np.repeat(np.repeat(coarse, BLOCK, axis=0), BLOCK, axis=1), BLOCK, axis=2)
    in_band = np.isfinite(distance).reshape(blocks[0], BLOCK, blocks[1], BLOCK, blocks[2], BLOCK).any(axis=(1, 3, 5))
    whole = _may_be_crossed(coarse, in_band)
    _ask_blocks(tree, field, distance, np.argwhere(in_band | whole), whole[in_band | whole], origin, cell, level)
    return np.sign(field) * np.minimum(distance, np.abs(field) * np.float32(_STEEPNESS))


def _distances(
    mesh: Mesh, origin: Float64[np.ndarray, " 3"], cell: float, size: Int64[np.ndarray, " 3"], keep_going: KeepGoing
) -> Float32[np.ndarray, "x y z"]:
    """Distance of each grid point to the mesh, in cells; infinite beyond reach."""
    distance = np.full(tuple(size.tolist()), np.inf, np.float32)
    corners = (mesh.positions.astype(np.float64)[mesh.triangles] - origin) / cell

    def measure(first: int) -> None:
        keep_going()
        spread_distances(corners, _REACH, distance, first, min(first + _LAYERS, len(distance)))

    map_in_threads(measure, range(0, len(distance), _LAYERS))
    return distance


def _places(blocks: Int64[np.ndarray, "blocks 3"], side: int) -> Int64[np.ndarray, "blocks points 3"]:
    """The grid points of blocks of side^3 points."""
    inner = np.stack(np.unravel_index(np.arange(side**3), (side,) * 3), axis=-1)
    return blocks[:, None] * side + inner


def _wound(
    tree: TriangleTree, places: Int64[np.ndarray, "*shape 3"], origin: Float64[np.ndarray, " 3"], spacing: float, level: float
) -> Float32[np.ndarray, " n"]:
    """Winding numbers at grid points, less the level."""
    return tree.winding(origin + spacing * places.reshape(-1, 3)) - np.float32(level)


def _ask_blocks(
    tree: TriangleTree,
    field: Float32[np.ndarray, "x y z"],
    distance: Float32[np.ndarray, "x y z"],
    blocks: Int64[np.ndarray, "blocks 3"],
    whole: Bool[np.ndarray, " blocks"],
    origin: Float64[np.ndarray, " 3"],
    cell: float,
    level: float,
) -> None:
    """Write the winding numbers, less the level, at the points of some blocks: all where a block is to be asked whole, else few."""
    places = _places(blocks, BLOCK)
    flat = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), field.shape)
    away = distance.reshape(-1)[flat]
    values = np.full(flat.shape, np.nan, np.float32)

    def ask(asked: Bool[np.ndarray, "blocks points"]) -> None:
        values[asked] = _wound(tree, places[asked], origin, cell, level)

    ask(np.isfinite(away) | whole[:, None])
    unsure = ((np.abs(values) < _UNSURE) & (away > _OFF_SURFACE)).any(axis=1)
    ask(np.isnan(values) & unsure[:, None])
    _take_from_neighbours(values.reshape(-1, BLOCK, BLOCK, BLOCK))
    ask(np.isnan(values))
    field.reshape(-1)[flat] = values


def _take_from_neighbours(values: Float32[np.ndarray, "blocks x y z"]) -> None:
    """Give each point that has no value one of a neighbour's in its block, as far as these reach."""
    for _ in range(BLOCK):
        for axis in (1, 2, 3):
            one, other = (values[(slice(None),) * axis + (part,)] for part in (slice(1, None), slice(None, -1)))
            for ours, theirs in ((one, other), (other, one)):
                np.copyto(ours, theirs, where=np.isnan(ours))


def _may_be_crossed(coarse: Float32[np.ndarray, "x y z"], in_band: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Blocks through which the level may run, though no triangle does: unsure themselves, or beside a block on the other side."""
    inside = coarse > 0
    crossed = (np.abs(coarse) < _UNSURE) & ~in_band
    for axis in range(3):
        ours, theirs = (tuple(slice(shift, None if shift else -1) if k == axis else slice(None) for k in range(3)) for shift in (0, 1))
        differ = (inside[ours] != inside[theirs]) & ~in_band[ours] & ~in_band[theirs]
        crossed[ours] |= differ
        crossed[theirs] |= differ
    return crossed
