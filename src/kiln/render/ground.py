"""The soft shadow under a subject: how much of the dome its body hides from the floor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.rasterize import rasterize
from kiln.render.camera import Camera

_CELLS = 192
"""Resolution of the shadow, cells along its longer side: it is blurred anyway."""

_LAYERS = ((0.03, 0.30), (0.10, 0.22), (0.30, 0.20), (0.80, 0.16))
"""Clearance above the floor as a share of the subject's size, and how dark the floor is right under matter that low."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shadow:
    """Darkness of the floor around a subject, 0 to 1."""

    darkness: Float32[np.ndarray, "rows columns"]
    """Row and column count along +Z and +X."""

    corner: tuple[float, float]
    """X and Z of the first cell's corner, metres."""

    cell: float
    """Metres."""

    floor: float
    """Y, metres."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def seen_by(self, camera: Camera, *, width: int, height: int) -> Float32[np.ndarray, "height width"]:
        """The darkness each pixel's ray meets on the floor; 0 where the ray misses the floor."""
        origins, directions = camera.rays(width=width, height=height)
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (self.floor - origins[..., 1]) / directions[..., 1]
        along = np.where((directions[..., 1] < 0) & np.isfinite(along), along, np.nan)
        x = (origins[..., 0] + along * directions[..., 0] - self.corner[0]) / self.cell - 0.5
        z = (origins[..., 2] + along * directions[..., 2] - self.corner[1]) / self.cell - 0.5
        return cv2.remap(
            self.darkness, np.nan_to_num(x, nan=-9.0).astype(np.float32), np.nan_to_num(z, nan=-9.0).astype(np.float32), cv2.INTER_LINEAR
        )


def contact_shadow(mesh: Mesh) -> Shadow:
    """The shadow on the floor at the mesh's lowest point.

    The lower a part hangs, the darker and sharper its shadow: parts are sorted into four clearances, and each one's outline, seen from
    below, is blurred by about that clearance. An ambient-occlusion integral would need rays; this takes 5 ms and looks the same.
    """
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    size = float((high - low).max()) or 1.0
    corner = (low - size * 0.5)[[0, 2]]
    cell = float(((high - low)[[0, 2]].max() + size) / _CELLS)
    points = (mesh.positions[:, [0, 2]].astype(np.float64) - corner) / cell
    clearance = rasterize(points, mesh.triangles, width=_CELLS, height=_CELLS, depth=mesh.positions[:, 1].astype(np.float64) - low[1]).depth
    darkness = sum(weight * _blurred(clearance < share * size, sigma=0.6 * share * size / cell) for share, weight in _LAYERS)
    return Shadow(darkness=np.asarray(darkness, np.float32), corner=(float(corner[0]), float(corner[1])), cell=cell, floor=float(low[1]))


def _blurred(covered: np.ndarray, *, sigma: float) -> Float32[np.ndarray, "rows columns"]:
    return cv2.GaussianBlur(covered.astype(np.float32), (0, 0), max(sigma, 0.7))
