"""Where an asset stands, which way it looks and how large it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial.transform import Rotation

from kiln.asset import Mesh, Primitive, Voxels

Movable = TypeVar("Movable", Mesh, Primitive, Voxels)
Turn = Int64[np.ndarray, "3 3"]

Pivot = Literal["bottom_center", "center", "custom"]
"""The point that becomes the origin: the middle of the bounding box's underside, of the whole box, or one given in the current frame."""

Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]

Extent = Literal["height", "longest"]
"""Along Y, or the longest of the bounding box."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Similarity:
    """p -> (turn @ p) * scale + offset, in this order; in float32, as `Mesh.moved` does it."""

    turn: Turn
    """Quarter turns: a permutation of the axes with signs, determinant 1."""

    scale: float
    offset: tuple[float, float, float]

    def of(self, thing: Movable) -> Movable:
        """The mesh, body or grid, moved."""
        return turned(thing, self.turn).moved(scale=self.scale, offset=np.array(self.offset, np.float32))


def quarter_turn(*, up: Axis, front: Axis) -> Turn:
    """The rotation that brings the direction `up` to +Y and `front` to +Z. Raises ValueError when both lie along one axis."""
    if up[1] == front[1]:
        raise ValueError(f"up {up} and front {front} lie along one axis; name two different ones")
    y, z = _unit(up), _unit(front)
    return np.stack([np.cross(y, z), y, z])


def _unit(axis: Axis) -> Int64[np.ndarray, " 3"]:
    return np.eye(3, dtype=np.int64)["xyz".index(axis[1])] * (1 if axis[0] == "+" else -1)


def turned(thing: Movable, turn: Turn) -> Movable:
    """The mesh, body or grid, turned by quarters about the origin: exact. Normals and tangents follow, so tangent-space maps stay true."""
    if (turn == np.eye(3)).all():
        return thing
    if isinstance(thing, Mesh):
        return _turned_mesh(thing, turn.astype(np.float32))
    if isinstance(thing, Primitive):
        rotation = (Rotation.from_matrix(turn.astype(np.float64)) * Rotation.from_quat(thing.rotation)).as_quat(canonical=True)
        x, y, z, w = rotation.tolist()
        return replace(thing, center=_turned_point(thing.center, turn), rotation=(x, y, z, w))
    # A cell is named by its lowest corner, which along a mirrored axis becomes its highest one.
    cells = thing.cells @ turn.T.astype(np.int32) + np.minimum(turn.sum(axis=1), 0).astype(np.int32)
    return replace(thing, cells=cells, origin=_turned_point(thing.origin, turn))


def _turned_mesh(mesh: Mesh, turn: Float32[np.ndarray, "3 3"]) -> Mesh:
    tangents = mesh.tangents
    return replace(
        mesh,
        positions=mesh.positions @ turn.T,
        normals=None if mesh.normals is None else mesh.normals @ turn.T,
        tangents=None if tangents is None else np.concatenate([tangents[:, :3] @ turn.T, tangents[:, 3:]], axis=1),
    )


def _turned_point(point: tuple[float, float, float], turn: Turn) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in turn @ np.array(point, np.float64))
    return x, y, z


def pivot_point(mesh: Mesh, *, pivot: Pivot, custom: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Float64[np.ndarray, " 3"]:
    """The pivot in the mesh's own frame, metres."""
    if pivot == "custom":
        return np.array(custom, np.float64)
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    middle = (low + high) / 2
    if pivot == "bottom_center":
        middle[1] = low[1]
    return middle


def placement(
    mesh: Mesh,
    *,
    pivot: Pivot,
    custom: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size: float | None = None,
    along: Extent = "height",
    turn: Turn | None = None,
) -> Similarity:
    """The similarity that turns the mesh, brings its pivot to the origin and its extent to `size` metres (None: as it is).

    A custom pivot is given in the frame before turning.
    """
    turn = np.eye(3, dtype=np.int64) if turn is None else turn
    upright = turned(mesh, turn)
    point = pivot_point(upright, pivot=pivot, custom=_turned_point(custom, turn))
    scale = 1.0 if size is None else size / extent(upright, along)
    x, y, z = (float(-scale * axis) for axis in point)
    return Similarity(turn=turn, scale=scale, offset=(x, y, z))


def extent(mesh: Mesh, along: Extent) -> float:
    """Extent along Y, metres, or the widest one: when asked for, or when the mesh is (next to) flat in Y."""
    extents: Float32[np.ndarray, " 3"] = mesh.bounds[1] - mesh.bounds[0]
    upright, widest = float(extents[1]), float(extents.max())
    return upright if along == "height" and upright > 1e-6 * widest else max(widest, 1e-30)
