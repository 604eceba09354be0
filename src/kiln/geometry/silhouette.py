"""How well a coarser mesh keeps the outline of the mesh it stands for."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from kiln.asset import Mesh
from kiln.geometry.per_mesh import once_per_mesh
from kiln.geometry.rasterize import rasterize
from kiln.geometry.vectors import unit_vectors

_PIXELS = 384
"""Side of the square that the bounding sphere fills: one pixel is half a percent of an outline 200 pixels across."""

_VIEWS: Final = unit_vectors(np.array([(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 0, 1), (-1, 0, 1), (1, 1, 1), (-1, 1, 1)], np.float64))
"""Directions looked along: opposite ones show the same outline."""


def silhouette_iou(mesh: Mesh, lod: Mesh) -> float:
    """Intersection over union of the two meshes' orthographic outlines, the least of seven directions. 1 is the same."""
    coarse = (_outline(lod, view, frame=mesh) for view in _VIEWS)
    return float(min((a & b).sum() / max(1, (a | b).sum()) for a, b in zip(_own_outlines(mesh), coarse, strict=True)))


@once_per_mesh
def _own_outlines(mesh: Mesh) -> list[Bool[np.ndarray, "height width"]]:
    """Those that every LOD's are compared with."""
    return [_outline(mesh, view, frame=mesh) for view in _VIEWS]


def _outline(mesh: Mesh, view: Float64[np.ndarray, " 3"], *, frame: Mesh) -> Bool[np.ndarray, "height width"]:
    """Which pixels the mesh covers, looked at along the direction; the frame's bounding sphere fills the picture."""
    low, high = (corner.astype(np.float64) for corner in frame.bounds)
    across = unit_vectors(np.cross(view, np.eye(3)[np.abs(view).argmin()]))
    axes = np.stack([across, np.cross(view, across)])
    points = ((mesh.positions - (low + high) / 2) @ axes.T / max(frame.diagonal, 1e-300) + 0.5) * _PIXELS
    return np.asarray(rasterize(points, mesh.triangles, width=_PIXELS, height=_PIXELS).triangle >= 0)
