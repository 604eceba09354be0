"""extrude: a flat plate with a bevelled edge (sword, shield, sign)."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.backends.silhouette.outline import Outline, OutlineGrid
from kiln.backends.silhouette.solid import Solid

DEPTH_SHARE = 0.5
"""Half depth of the plate over the typical half-width of its parts."""

MOST_HALF_DEPTH = 0.03
"""Metres, for a subject 1 m tall: a sign or a shield is a board however wide it is."""

LEAST_HALF_DEPTH = 0.008
EDGE_SHARE = 0.45
"""Height of the rounded edge over half depth; the bevel rises from there."""

BEVEL_SHARE = 1.6
"""Width of the bevel over half depth, at bevel 1."""

EVENNESS_CELLS = 2.0
"""Smoothing of the bevel; the outline's ripple would run across it as creases."""

CURVE = 0.16
"""How far back the left and right edges of a curved plate (a shield) lie, over its half-width."""


def extrude(outline: Outline, *, spacing: float, thickness: float = 1.0, bevel: float = 1.0, curved: bool = False) -> Solid:
    """The plate on a grid of this spacing (metres); `curved` bends its left and right edges back, as a shield's are."""
    grid = outline.sample(spacing)
    depth = thickness * plate_half_depth(grid)
    return Solid(grid=grid, squared=_profile(grid, depth, bevel), middle=_bend(grid) if curved else None)


def plate_half_depth(grid: OutlineGrid) -> float:
    """Metres: in proportion to the plate's typical half-width, within what a board may have."""
    typical = 3 * float(grid.distance[grid.inside].mean()) if grid.inside.any() else 0.0
    return float(np.clip(DEPTH_SHARE * typical / 1.5, LEAST_HALF_DEPTH, MOST_HALF_DEPTH))


def _profile(grid: OutlineGrid, depth: float, bevel: float) -> Float32[np.ndarray, "nx ny"]:
    """Squared half depth over the distance to the rim: a quarter round, then a straight bevel, then flat."""
    d = grid.distance
    share = EDGE_SHARE if bevel > 0 else 1.0
    edge = share * depth
    radius = max(edge, 1.5 * grid.spacing)
    into = np.clip(d / np.float32(radius), 0, 1)
    rounded = edge * np.sqrt(into * (2 - into))
    width = max(bevel * BEVEL_SHARE * depth, grid.spacing)
    even = cv2.GaussianBlur(d, (0, 0), EVENNESS_CELLS)
    rise = (depth - edge) * np.clip((even - np.float32(radius)) / np.float32(width), 0, 1)
    beyond = 2 * edge**2 / radius * d
    return np.where(d > 0, np.square(rounded + rise), beyond).astype(np.float32)


def _bend(grid: OutlineGrid) -> Float32[np.ndarray, "nx ny"]:
    """z of the plate's middle sheet: an arc about an upright axis."""
    taken = grid.x()[grid.inside.any(axis=1)]
    middle, half = float(taken.min() + taken.max()) / 2, max(float(np.ptp(taken)) / 2, grid.spacing)
    arc = -CURVE * half * np.square((grid.x() - middle) / half)
    return np.repeat(arc, grid.distance.shape[1], axis=1).astype(np.float32)
