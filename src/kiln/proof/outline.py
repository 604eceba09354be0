"""How well a model's outline, seen from where a picture was taken, is the picture's."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from kiln.asset import VIEW_AZIMUTH_DEGREES, Mesh, View
from kiln.geometry.rasterize import rasterize
from kiln.imaging.matte import SOLID, bounding_box


def outline_iou(mesh: Mesh, alpha: UInt8[np.ndarray, "height width"], *, view: View) -> float:
    """Intersection over union of the mesh's orthographic silhouette and the matte, both fitted to their bounding boxes. 1 is the same."""
    matte = _cropped(alpha >= SOLID)
    height, width = matte.shape
    across, up = _seen_from(mesh, VIEW_AZIMUTH_DEGREES[view])
    points = np.column_stack([_spread(across) * width, (1 - _spread(up)) * height])
    silhouette = rasterize(points, mesh.triangles, width=width, height=height).triangle >= 0
    return float((silhouette & matte).sum() / max(1, (silhouette | matte).sum()))


def _seen_from(mesh: Mesh, azimuth_degrees: float) -> tuple[Float64[np.ndarray, " vertices"], Float64[np.ndarray, " vertices"]]:
    """Each vertex's place to the right and up, metres, for a camera at this azimuth (see CONVENTIONS.md)."""
    turn = math.radians(azimuth_degrees)
    x, y, z = mesh.positions.astype(np.float64).T
    return x * math.cos(turn) - z * math.sin(turn), y


def _spread(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Values mapped to 0..1."""
    return (values - values.min()) / max(float(np.ptp(values)), 1e-12)


def _cropped(solid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "height width"]:
    top, bottom, left, right = bounding_box(solid)
    return solid[top:bottom, left:right]
