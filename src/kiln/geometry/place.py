"""Where an asset stands and how tall it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float32, Float64

from kiln.asset import Mesh, Primitive, Voxels

Movable = TypeVar("Movable", Mesh, Primitive, Voxels)

Pivot = Literal["bottom_center", "center", "custom"]
"""The point that becomes the origin: the middle of the bounding box's underside, of the whole box, or one given in the current frame."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """p -> p * scale + offset, in this order; in float32, as `Mesh.moved` does it."""

    scale: float
    offset: tuple[float, float, float]

    def of(self, thing: Movable) -> Movable:
        """The mesh, body or grid, moved."""
        return thing.moved(scale=self.scale, offset=np.array(self.offset, np.float32))


def pivot_point(mesh: Mesh, *, pivot: Pivot, custom: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Float64[np.ndarray, " 3"]:
    """The pivot in the mesh's own frame, metres."""
    if pivot == "custom":
        return np.array(custom, np.float64)
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    middle = (low + high) / 2
    if pivot == "bottom_center":
        middle[1] = low[1]
    return middle


def placement(mesh: Mesh, *, pivot: Pivot, custom: tuple[float, float, float] = (0.0, 0.0, 0.0), height: float | None = None) -> Similarity:
    """The similarity that brings the mesh's pivot to the origin and its extent along Y to `height` metres (None: as it is).

    A mesh that is flat in Y cannot be given a height: its widest extent is used instead.
    """
    point = pivot_point(mesh, pivot=pivot, custom=custom)
    scale = 1.0 if height is None else height / upright_extent(mesh)
    x, y, z = (float(-scale * axis) for axis in point)
    return Similarity(scale=scale, offset=(x, y, z))


def upright_extent(mesh: Mesh) -> float:
    """Extent along Y, or the widest one when that is (next to) nothing; metres."""
    extents: Float32[np.ndarray, " 3"] = mesh.bounds[1] - mesh.bounds[0]
    upright, widest = float(extents[1]), float(extents.max())
    return upright if upright > 1e-6 * widest else max(widest, 1e-30)
