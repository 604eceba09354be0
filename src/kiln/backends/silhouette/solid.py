"""A solid given by its half depth over the front plane: front and back are z = middle ± sqrt(squared), and meet at the outline.

Every shape made from one picture is of this kind. What is stored is squared depth: it is smooth and linear across the rim, where
depth rises steeply, so the surface is smooth there and its outline is the field's zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.backends.silhouette.outline import OutlineGrid
from kiln.geometry.polygonize import CROSSING_MARGIN, polygonize

DEPTH_STEP = 1.5
"""Spacing in depth over spacing in the picture's plane: detail comes from the picture, so triangles are better spent there."""

MOST_GRID_POINTS = 32_000_000
"""128 MB of float32."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """Squared half depths over an outline's grid."""

    grid: OutlineGrid
    squared: Float32[np.ndarray, "nx ny"]
    """Square metres, at the grid's points; zero on the outline, negative outside."""

    middle: Float32[np.ndarray, "nx ny"] | None = None
    """z of the sheet halfway between front and back, metres; None is z = 0 everywhere."""

    back: float = 1.0
    """Depth behind the middle over depth before it."""


def half_depth(solid: Solid) -> Float32[np.ndarray, "nx ny"]:
    """Half the depth at each point, metres; 0 outside."""
    return np.sqrt(np.maximum(solid.squared, 0))


def spacing_for(solid: Solid, *, triangles: int) -> float:
    """The grid spacing (metres) at which this solid's mesh has about so many triangles.

    A grid of spacing (h, h, c h) has on average one vertex for each h h of the surface's area projected along z and c h h of that along x
    and y, and a closed mesh has two triangles a vertex.
    """
    depth, spacing = half_depth(solid), solid.grid.spacing
    along_z = 2 * float((depth > 0).sum()) * spacing**2
    sides = float(np.abs(np.diff(depth, axis=0)).sum() + np.abs(np.diff(depth, axis=1)).sum()) * spacing
    area = 2 * (along_z + (1 + solid.back) * sides / DEPTH_STEP)
    width, height = (spacing * n for n in depth.shape)
    room = width * height * (1 + solid.back) * float(depth.max()) / DEPTH_STEP
    return float(max(np.sqrt(area / triangles), np.cbrt(room / MOST_GRID_POINTS)))


def to_mesh(solid: Solid) -> Mesh:
    """The solid's surface: closed, manifold, outward, centred in depth; no normals."""
    h = solid.grid.spacing
    step = h * DEPTH_STEP
    most = float(half_depth(solid).max())
    before, behind = int(np.ceil(most / step)) + 1, int(np.ceil(most * solid.back / step)) + 1
    z = (np.arange(-behind, before + 1) * step).astype(np.float32)
    depth_squared = np.where(z < 0, z / np.float32(solid.back), z) ** 2
    field = solid.squared[:, :, None] - depth_squared
    mesh = polygonize(field, origin=(*solid.grid.origin, float(z[0])), spacing=(h, h, step))
    positions = np.array(mesh.positions)
    _settle_depths(positions, solid, step)
    positions[:, 2] -= (positions[:, 2].min() + positions[:, 2].max()) / 2
    return replace(mesh, positions=positions)


def _settle_depths(positions: Float32[np.ndarray, "vertices 3"], solid: Solid, step: float) -> None:
    """Put vertices that lie over a grid point at its exact depth, then bend everything along the middle; changes z only.

    Between two layers the field is quadratic in z; taking it as linear left rings of up to an eighth of a step.
    """
    cells = (positions[:, :2] - np.array(solid.grid.origin, np.float32)) / np.float32(solid.grid.spacing)
    nearest = np.rint(cells).astype(np.int64)
    over_point = (np.abs(cells - nearest) < CROSSING_MARGIN / 2).all(axis=1)
    at = nearest[over_point]
    exact = half_depth(solid)[at[:, 0], at[:, 1]]
    z = positions[over_point, 2]
    exact = np.where(z < 0, -exact * np.float32(solid.back), exact)
    layer = np.floor(z / step)
    low, high = (layer + CROSSING_MARGIN) * step, (layer + 1 - CROSSING_MARGIN) * step
    positions[over_point, 2] = np.clip(exact, low, high)
    if solid.middle is not None:
        positions[:, 2] += _bilinear(solid.middle, cells)


def _bilinear(values: Float32[np.ndarray, "nx ny"], cells: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, " n"]:
    """Values between grid points; `cells` counts in grid spacings from point (0, 0)."""
    base = np.clip(np.floor(cells).astype(np.int64), 0, np.array(values.shape) - 2)
    s, t = (cells - base).astype(np.float32).T
    i, j = base.T
    near = values[i, j] * (1 - t) + values[i, j + 1] * t
    far = values[i + 1, j] * (1 - t) + values[i + 1, j + 1] * t
    return near * (1 - s) + far * s
