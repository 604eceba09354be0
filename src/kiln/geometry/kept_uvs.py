"""UVs that a mesh came with: whether they can be kept, and whether they are worth it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas, uv_areas
from kiln.geometry.layout import doubled_triangles
from kiln.geometry.normals import crease_groups, smooth_normals
from kiln.geometry.seams import connected_classes
from kiln.geometry.tangents import add_tangents
from kiln.geometry.unwrap import Unwrapped, covered_share
from kiln.kernels.weld import equal_rows

_OUTSIDE = 1e-5
"""UV units beyond the atlas that rounding may cause."""

_LOST_AREA = 0.001
"""Share of the surface that may have no area in the atlas: a few needles do no harm."""

_DOUBLED = 0.001
"""Share of the triangles that may lie over others, by a texel or two along a seam, before a bake is spoiled."""

_MAX_DENSITY_VARIATION = 0.25
"""Standard deviation over mean up to which texel density counts as even: hand-made UVs give faces more than soles."""

_MIN_UTILIZATION = 0.4
"""Share of the atlas from which it counts as well used."""


def faults(mesh: Mesh, *, size: int) -> tuple[str, ...]:
    """Why nothing can be baked onto the mesh's own UVs; empty when it can."""
    if mesh.uvs is None:
        return ("there are none",)
    found = []
    if not np.isfinite(mesh.uvs).all() or mesh.uvs.min() < -_OUTSIDE or mesh.uvs.max() > 1 + _OUTSIDE:
        return ("they leave the atlas",)
    flat, space = uv_areas(mesh), triangle_areas(mesh)
    if space[np.abs(flat) < 1e-12].sum() > _LOST_AREA * space.sum():
        found.append("some triangles have no area in them")
    if _mixed(mesh, flat):
        found.append("some charts fold over")
    corners = mesh.uvs.astype(np.float64)[mesh.triangles] * size
    doubled = int(doubled_triangles(corners, np.zeros(mesh.triangle_count, np.int64)).sum())
    if doubled > _DOUBLED * mesh.triangle_count:
        found.append(f"{doubled:,} triangles lie over others")
    return tuple(found)


def weaknesses(mesh: Mesh, *, size: int) -> tuple[str, ...]:
    """Why the mesh's own UVs, though a bake could use them, are not worth keeping; empty when they are good."""
    found = []
    _, variation = _density(mesh)
    if variation > _MAX_DENSITY_VARIATION:
        found.append(f"their texel density varies by {variation:.0%}, where {_MAX_DENSITY_VARIATION:.0%} is even enough")
    covered = covered_share(mesh, size=size)
    if covered < _MIN_UTILIZATION:
        found.append(f"they fill {covered:.0%} of the atlas, where {_MIN_UTILIZATION:.0%} is the least")
    return tuple(found)


def keep(mesh: Mesh, *, size: int) -> Unwrapped:
    """The mesh on the UVs it has, with normals (its own, or smooth ones), tangents, and the measures that `unwrap` gives."""
    assert mesh.uvs is not None  # noqa: S101 - checked by `faults`
    kept = replace(mesh, uvs=np.clip(mesh.uvs, 0, 1))
    if kept.normals is None:
        kept = replace(kept, normals=smooth_normals(kept, groups=crease_groups(kept, kept.triangles.astype(np.int32))))
    mean, variation = _density(mesh)
    measures = {
        "charts": float(_own_charts(mesh).max() + 1),
        "utilization": covered_share(mesh, size=size),
        "texel_density_px_per_m": mean * size,
        "texel_density_cv": variation,
        "slivers": 0.0,
    }
    return Unwrapped(mesh=add_tangents(kept), size=size, measures=measures, notes=())


def _density(mesh: Mesh) -> tuple[float, float]:
    """Mean of the atlas's sides a metre, by area, and its standard deviation over it."""
    space = triangle_areas(mesh)
    density = np.sqrt(np.abs(uv_areas(mesh)) / np.maximum(space, 1e-300))
    mean = float(np.average(density, weights=space))
    return mean, float(np.sqrt(np.average((density - mean) ** 2, weights=space))) / max(mean, 1e-300)


def _own_charts(mesh: Mesh) -> np.ndarray:
    """The chart of each triangle, by vertices that share their position and UV."""
    assert mesh.uvs is not None  # noqa: S101 - checked by the caller
    point, count = equal_rows(np.hstack([mesh.positions, mesh.uvs]))
    corners = point.astype(np.int64)[mesh.triangles]
    label = connected_classes(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]]]), count)
    return np.unique(label[corners[:, 0]], return_inverse=True)[1]


def _mixed(mesh: Mesh, flat: Float64[np.ndarray, " triangles"]) -> bool:
    """Whether some chart has triangles that lie face up and others that lie face down; a chart mirrored whole is all right."""
    chart = _own_charts(mesh)
    up, down = np.bincount(chart, np.maximum(flat, 0)), np.bincount(chart, np.maximum(-flat, 0))
    return bool((np.minimum(up, down) > _LOST_AREA * (up + down)).any())
