"""Voxels: a sparse grid of surface attributes, as voxel-based generators give them instead of textures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int32

from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Voxels:
    """Attributes at the centres of those cells of a regular grid that lie near the surface, in the same frame as the mesh they belong to.

    Voxel i is centred at origin + (cells[i] + 1/2) * size.
    """

    cells: Int32[np.ndarray, "voxels 3"]
    """Column, row and slice in the grid, along x, y and z; may be negative."""

    values: Float32[np.ndarray, "voxels channels"]
    """Nominally 0 to 1, but generators overshoot: clip after interpolating. Colours are sRGB-encoded."""

    layout: tuple[str, ...]
    """What each channel is: "red", "green", "blue", "metallic", "roughness", "alpha"."""

    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """The lowest corner of cell (0, 0, 0), metres."""

    size: float
    """Edge of a cell, metres."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def moved(self, *, scale: float = 1.0, offset: Float32[np.ndarray, " 3"] | None = None) -> Voxels:
        """The grid scaled about the origin of the frame, then shifted: what `Mesh.moved` does to its mesh."""
        shift = np.zeros(3, np.float32) if offset is None else offset
        x, y, z = (float(axis) * scale + float(by) for axis, by in zip(self.origin, shift, strict=True))
        return replace(self, origin=(x, y, z), size=self.size * scale)
