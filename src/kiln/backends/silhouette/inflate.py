"""inflate: a rounded body from any outline.

Half depth is sqrt(2 u), where u solves the screened Poisson equation -Δu + u / L² = 1 inside, u = 0 on the outline. A long limb of
half-width w gets half depth w, a circular section; a disc of radius r gets r / sqrt 2; wide areas level off at sqrt(2) L instead of
ballooning.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32

from kiln.backends.silhouette.outline import Outline, OutlineGrid
from kiln.backends.silhouette.sides import Boxiness
from kiln.backends.silhouette.solid import Solid
from kiln.kernels.poisson import relax

LEAST_RIM_SHARE = 0.05
"""The rim is taken to be at least this share of a cell away from an inside point, or the system gets stiff."""

COARSEST_POINTS = 48
SWEEPS = 40
OVER_RELAXATION = 1.7
FULLNESS = 1.6
"""Where wide areas level off: half depth, as a share of the radius of a disc that has the subject's area."""

SPREAD_SOLIDITY, SPREAD_EDGE = 0.68, 0.2
"""A subject that fills this little of its convex hull has wings, arms or a tail at its far left and right: they level off at this share."""

COMPACT_SOLIDITY, COMPACT_EDGE = 0.9, 0.65
"""A compact one (a crate, a house) is a body all over; seen from above it is a rounded lens, not a slab."""

SLIM, ROUND = 0.55, 0.9
"""Typical half-width over the radius of a disc of the same area; 1 for a disc, 0.5 for a rod 14 times as long as wide."""

ROUND_DEPTH = 1.2
"""Depth of a round subject over that of a slim one; sqrt(2 u) alone makes a disc 0.7 as deep as wide, less where it levels off."""

SWEEP = 0.3
"""How far back the ends of a subject that spreads lie, over their distance from its middle. Wings and arms in one plane with the body look
cut out of board from the side; swept back, they show their faces there."""

STOUT, LONG = 1.7, 2.4
"""Length over width along the axes of inertia: beyond it a slanting staff or key would be bent like a bow."""

TINY = 1e-12
NEARLY_ONE = np.float32(1 - 1e-6)
BACK = 0.9
"""Depth behind the outline over depth before it: bellies, noses and toes stand out to the front."""


FOOT_HEIGHT = 0.13
"""Metres, of a subject 1 m tall: thin parts this near the ground are feet or a base."""

FOOT_DEPTH, FOOT_FORWARD = 0.9, 0.035
"""How much deeper than round a foot is at the ground, as a share, and how far forward it reaches, metres."""

BLOCK_EXPONENT = 7.0
"""The profile's exponent k in a block, 1 in a round body. Over a straight section, where u falls as 1 - x², squared depth is 1 - x^(2 k):
depth is full to within a tenth over 0.89 of the width, and the edge beyond is rounded."""

MITRE = 0.6
"""How far a block's profile follows the distance to the rim instead of u, which starts as a square at a convex corner and pinched it."""

EVEN_SHARE = 0.06
"""Standard deviation of the smoothing that rounds off a block's mitres, in greatest distances to the rim."""

BLOCK_DEPTH, BLOCK_SIDE = 0.75, 0.85
"""Depth of a block: this share of the diameter of a disc of the same area, at most this share of its smaller side. A cube seen corner-on is
as deep as it looks, a wide chest less deep than wide."""


def inflate(outline: Outline, *, spacing: float, thickness: float = 1.0, boxiness: Boxiness | None = None) -> Solid:
    """The inflated solid on a grid of this spacing (metres); `thickness` multiplies its depth.

    With a boxiness it is squared off by it and stands on feet; without, it is round all over, as the handle of a turned jug must be.
    """
    grid = outline.sample(spacing)
    radius = float(np.sqrt(outline.area / np.pi))
    edge = float(np.interp(outline.solidity, (SPREAD_SOLIDITY, COMPACT_SOLIDITY), (SPREAD_EDGE, COMPACT_EDGE)))
    depth = thickness * float(np.interp(outline.half_width / radius, (SLIM, ROUND), (1, ROUND_DEPTH)))
    u = solve(outline, spacing=spacing, level=FULLNESS * radius, edge=edge)
    stands = 0.0 if boxiness is None else _stout(outline) * (1 - boxiness.overall)
    foot = np.float32(stands) * _foot(grid)
    squared = np.float32(2 * depth**2) * u * np.square(1 + FOOT_DEPTH * foot * (1 - u / max(float(u.max()), TINY)))
    middle = _swept(grid, SWEEP * _limbed(outline)) + np.float32(FOOT_FORWARD * _limbed(outline)) * foot
    if boxiness is not None:
        block = min(2 * BLOCK_DEPTH * radius, BLOCK_SIDE * min(outline.size)) / (1 + BACK)
        squared = _squared_off(squared, grid, boxiness, thickness * block)
    return Solid(grid=grid, squared=beyond_rim(squared, grid), middle=middle, back=BACK)


def _squared_off(
    squared: Float32[np.ndarray, "nx ny"], grid: OutlineGrid, boxiness: Boxiness, block: float
) -> Float32[np.ndarray, "nx ny"]:
    """Squared half depths S, at most T², as T² (1 - (1 - s)^k), s = S / T²: a superellipse across a straight section. The exponent k goes
    with the local boxiness, the half depth T (metres) towards `block` with the overall one. Near the rim it is k s, so the outline stays.
    """
    box, full = _resample(boxiness.field, boxiness.grid, grid), max(float(squared.max()), TINY)
    round_off = squared / np.float32(full)
    into = np.clip(_even_distance(grid) / grid.distance.max(), 0, 1)
    s = round_off + MITRE * box * (into * (2 - into) - round_off)
    depth = np.sqrt(full) + (block - np.sqrt(full)) * boxiness.overall
    gone = (1 + (BLOCK_EXPONENT - 1) * box) * np.log1p(-np.minimum(s, NEARLY_ONE))
    return np.where(grid.inside, -np.expm1(gone) * np.float32(depth**2), 0).astype(np.float32)


def _even_distance(grid: OutlineGrid) -> Float32[np.ndarray, "nx ny"]:
    """Distance to the rim without the creases it has where two rims are equally far, exact at the rim itself."""
    reach = EVEN_SHARE * float(grid.distance.max())
    even = cv2.GaussianBlur(grid.distance, (0, 0), reach / grid.spacing)
    return np.asarray(grid.distance + (even - grid.distance) * np.clip(grid.distance / np.float32(3 * reach), 0, 1), np.float32)


def _limbed(outline: Outline) -> float:
    """1 for a figure with arms, wings or a tail that spread, 0 for what is compact, or long and thin."""
    return float(np.interp(outline.solidity, (SPREAD_SOLIDITY, COMPACT_SOLIDITY), (1, 0))) * _stout(outline)


def _stout(outline: Outline) -> float:
    """1 for figures, 0 for what is long and thin: a slanting staff must stay straight, its end is no foot."""
    return float(np.interp(outline.inertia.length / outline.inertia.width, (STOUT, LONG), (1, 0)))


def _foot(grid: OutlineGrid) -> Float32[np.ndarray, "1 ny"]:
    """1 on the ground, 0 from FOOT_HEIGHT on, smooth."""
    low = np.clip(1 - grid.y() / np.float32(FOOT_HEIGHT), 0, 1)
    return np.asarray(low * low * (3 - 2 * low), np.float32)


def _swept(grid: OutlineGrid, sweep: float) -> Float32[np.ndarray, "nx ny"]:
    """z of the sheet between front and back: 0 in the middle, `sweep` times the reach further back at the far left and right."""
    x, middle, reach = _across(grid)
    z = -sweep * np.square(x - middle) / reach.max()
    return np.repeat(z, grid.distance.shape[1], axis=1).astype(np.float32)


def solve(outline: Outline, *, spacing: float, level: float, edge: float = 1.0) -> Float32[np.ndarray, "nx ny"]:
    """u (square metres) at the points of `outline.sample(spacing)`, 0 outside; wide areas level off at half depth `level` metres,
    and at `edge` times that at the far left and right.

    Each grid starts from the solution on one twice as coarse, which has settled everything but the finest ripples.
    """
    return _solve_on(outline.sample(spacing), outline, level, edge)


def _solve_on(grid: OutlineGrid, outline: Outline, level: float, edge: float) -> Float32[np.ndarray, "nx ny"]:
    diagonal = _diagonal(grid, _screen(grid, level, edge))
    u, sweeps = np.zeros_like(grid.distance), 2 * sum(grid.distance.shape)
    if min(grid.distance.shape) > COARSEST_POINTS:
        coarse = outline.sample(2 * grid.spacing)
        u = np.where(diagonal > 0, _resample(_solve_on(coarse, outline, level, edge), coarse, grid), u)
        sweeps = SWEEPS
    relax(u, diagonal, float(grid.spacing**2), OVER_RELAXATION, sweeps)
    return u


def beyond_rim(u: Float32[np.ndarray, "nx ny"], grid: OutlineGrid) -> Float32[np.ndarray, "nx ny"]:
    """u continued outside as a negative multiple of the distance, with the slope it has just inside, so that its zero is the outline."""
    inside = grid.inside
    weight = np.where(inside, np.exp(-np.maximum(grid.distance, 0) / grid.spacing), np.float32(0)).astype(np.float32)
    ratio = np.where(inside, u / np.maximum(grid.distance, np.float32(1e-9)), np.float32(0))
    total = cv2.blur(weight, (5, 5))
    slope = cv2.blur(weight * ratio, (5, 5)) / np.maximum(total, np.float32(1e-12))
    usual = float((weight * ratio).sum() / max(float(weight.sum()), 1e-12))
    outside = np.where(total > 1e-9, slope, np.float32(usual)) * grid.distance
    return np.where(inside, u, outside).astype(np.float32)


def _diagonal(grid: OutlineGrid, screen: Float32[np.ndarray, "nx 1"]) -> Float32[np.ndarray, "nx ny"]:
    """The equation's diagonal at each point, 0 outside; a neighbour beyond the rim counts by how near the rim is (Gibou et al. 2002)."""
    d = grid.distance
    inside = grid.inside
    total = np.broadcast_to(2 * screen * np.float32(grid.spacing**2), d.shape).copy()
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        other = np.roll(d, shift, axis=axis)
        share = np.clip(d / np.maximum(d - other, np.float32(1e-12)), LEAST_RIM_SHARE, 1)
        total += np.where(other > 0, np.float32(1), 1 / share)
    total[[0, -1], :], total[:, [0, -1]] = 0, 0
    return np.where(inside, total, np.float32(0)).astype(np.float32)


def _screen(grid: OutlineGrid, level: float, edge: float) -> Float32[np.ndarray, "nx 1"]:
    """1 / level² over x, metres^-2; the level sinks to its edge value at the subject's far left and right, as an ellipse does."""
    x, middle, reach = _across(grid)
    share = np.clip((x - middle) / reach, -1, 1)
    levels = level * (edge + (1 - edge) * np.sqrt(1 - share**2))
    return (1 / levels**2).astype(np.float32)


def _across(grid: OutlineGrid) -> tuple[Float32[np.ndarray, "nx 1"], float, Float32[np.ndarray, "nx 1"]]:
    """x of each column, x of the subject's centre of area, and how far from there the subject reaches on that column's side, metres."""
    x = grid.x()
    held = grid.inside.sum(axis=1)[:, None]
    middle = float((held * x).sum() / max(int(held.sum()), 1))
    taken = x[held > 0]
    reach = np.where(x < middle, middle - taken.min(initial=0.0), taken.max(initial=0.0) - middle) + grid.spacing
    return x, middle, reach.astype(np.float32)


def _resample(values: Float32[np.ndarray, "mx my"], grid: OutlineGrid, onto: OutlineGrid) -> Float32[np.ndarray, "nx ny"]:
    """Values of one grid at the points of another."""
    x, y = np.broadcast_arrays(onto.x() - np.float32(grid.origin[0]), onto.y() - np.float32(grid.origin[1]))
    column, row = (np.ascontiguousarray(a) / np.float32(grid.spacing) for a in (x, y))
    return np.asarray(cv2.remap(values, row, column, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
