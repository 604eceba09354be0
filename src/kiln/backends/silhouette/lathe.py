"""lathe: a surface of revolution for upright subjects whose two halves are alike (bottle, lantern, tree).

The core is turned: in each row its radius is the distance from the axis to the nearer of the two rims. What the core leaves over (handles,
rings with a hole, a lopsided leaf) is inflated and joined on, so the outline stays the picture's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.ndimage import gaussian_filter1d, median_filter

from kiln.backends.silhouette.inflate import beyond_rim, inflate
from kiln.backends.silhouette.outline import Outline, OutlineGrid, body
from kiln.backends.silhouette.solid import Solid

MAIN_RUN_SHARE = 0.25
"""A run of rows on the axis belongs to the turned body when its area is at least this share of the largest run's: a ring's top does not."""

LOPSIDED = 1.15
"""A rim up to this much further from the axis than the other one still belongs to the turned core."""

RIPPLE_ROWS = 5
"""The radius is the median over so many rows, and the mean of these where it changes little: a nick in the outline would become a groove
all round."""

RIPPLE_CELLS = 0.5


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An upright axis and how alike the two halves are."""

    x: float
    """Metres."""

    symmetry: float
    """Intersection over union of the subject and its mirror image about the axis."""


def find_axis(grid: OutlineGrid) -> Axis:
    """The upright axis about which the subject is most like its mirror image, to half a grid spacing."""
    inside = grid.inside.astype(np.float32)
    # Mirror images about every axis at once: the overlap is the autocorrelation of each row with itself reversed.
    size = 2 * len(inside)
    spectrum = np.fft.rfft(inside, size, axis=0)
    overlap = np.fft.irfft((spectrum**2).sum(axis=1), size)[: size - 1]
    best = int(np.argmax(overlap))
    shared = float(overlap[best])
    return Axis(x=grid.origin[0] + grid.spacing * best / 2, symmetry=shared / max(2 * float(inside.sum()) - shared, 1.0))


def lathe(outline: Outline, *, spacing: float, thickness: float = 1.0) -> Solid:
    """The turned solid on a grid of this spacing (metres); `thickness` multiplies its depth."""
    inflated = inflate(outline, spacing=spacing, thickness=thickness)
    grid = inflated.grid
    core = core_squared(grid, find_axis(body(grid)).x) * np.float32(thickness**2)
    inside = np.where(grid.inside, np.maximum(inflated.squared, core), 0).astype(np.float32)
    return Solid(grid=grid, squared=beyond_rim(inside, grid), back=1.0)


def core_squared(grid: OutlineGrid, axis_x: float) -> Float32[np.ndarray, "nx ny"]:
    """Squared half depth of the turned core, not positive beyond it.

    Where the two rims of a row are nearly as far from the axis the section is made of two half ellipses that reach exactly to them: a
    circle would leave a sliver on one side, which shows as a seam from top to bottom.
    """
    right = _reach(grid.distance, grid.x()[:, 0], axis_x, grid.spacing)
    left = _reach(grid.distance[::-1], -grid.x()[::-1, 0], -axis_x, grid.spacing)
    least = np.minimum(left, right)
    most = np.float32(LOPSIDED) * least
    left, right = np.minimum(left, most), np.minimum(right, most)
    held = _main_runs(least)
    radius = np.where(held, _without_ripple((left + right) / 2, grid.spacing), 0)
    offset = grid.x() - np.float32(axis_x)
    across = offset / np.maximum(np.where(offset < 0, left, right), np.float32(1e-9))[..., :]
    return np.where(held, np.square(radius) * (1 - np.square(across)), -np.square(offset)).astype(np.float32)


def _without_ripple(radius: Float32[np.ndarray, " ny"], spacing: float) -> Float32[np.ndarray, " ny"]:
    """The radius of each row without nicks and pixel ripple; steps stay sharp."""
    steady = median_filter(radius, size=RIPPLE_ROWS)
    even = gaussian_filter1d(steady, RIPPLE_ROWS / 2)
    return np.where(np.abs(even - steady) < RIPPLE_CELLS * spacing, even, steady).astype(np.float32)


def core_share(grid: OutlineGrid, axis_x: float) -> float:
    """How much of the subject's area the turned core covers."""
    return float(((core_squared(grid, axis_x) > 0) & grid.inside).sum() / max(int(grid.inside.sum()), 1))


def _reach(
    distance: Float32[np.ndarray, "nx ny"], x: Float32[np.ndarray, " nx"], axis_x: float, spacing: float
) -> Float32[np.ndarray, " ny"]:
    """In each row, how far towards +x the subject goes on from the axis without a gap, metres."""
    first = int(np.clip(np.rint((axis_x - x[0]) / spacing), 0, len(x) - 2))
    part = distance[first:]
    outside = part <= 0
    stop = np.where(outside.any(axis=0), outside.argmax(axis=0), len(part) - 1)
    row = np.arange(part.shape[1])
    here, there = part[np.maximum(stop - 1, 0), row], part[stop, row]
    share = np.clip(here / np.maximum(here - there, np.float32(1e-12)), 0, 1)
    reached = x[first] + (stop - 1 + share) * spacing - axis_x
    return np.where(stop > 0, np.maximum(reached, 0), 0).astype(np.float32)


def _main_runs(radius: Float32[np.ndarray, " ny"]) -> Bool[np.ndarray, " ny"]:
    """Which rows lie in a run (unbroken rows with a radius) that holds a fair share of the body."""
    run = np.cumsum(np.diff(radius > 0, prepend=False)).astype(np.int64)
    run = np.where(radius > 0, run, 0)
    area: Int64[np.ndarray, " runs"] = np.bincount(run, weights=radius)
    area[0] = 0
    return (area >= MAIN_RUN_SHARE * area.max())[run] & (run > 0)
