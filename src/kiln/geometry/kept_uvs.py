"""UVs that a mesh came with: whether they can be kept, and whether they are worth it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import flat_areas, triangle_areas, uv_areas
from kiln.geometry.charts import Charts
from kiln.geometry.gutter import least_gap
from kiln.geometry.layout import covered_share, doubled_triangles
from kiln.geometry.lightmap import Lightmap, lightmap_measures, lightmap_uvs
from kiln.geometry.normals import crease_groups, smooth_normals
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.seams import connected_classes
from kiln.geometry.tangents import add_tangents
from kiln.geometry.unwrap import SLIVER, Unwrapped
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
    covered = 0.0 if mesh.uvs is None else covered_share(mesh.uvs, mesh.triangles, size=size)
    if covered < _MIN_UTILIZATION:
        found.append(f"they fill {covered:.0%} of the atlas, where {_MIN_UTILIZATION:.0%} is the least")
    return tuple(found)


def keep(mesh: Mesh, *, size: int, padding: int = 0, lightmap: Lightmap | None = None) -> Unwrapped:
    """The mesh on the UVs it has, with normals (its own, or smooth ones), tangents, and the measures that `unwrap` gives, "gutter_px"
    besides: the least gap between two charts, texels. Less than padding is noted. Light gets a layout of its own, of the same charts."""
    assert mesh.uvs is not None  # noqa: S101 - checked by `faults`
    kept = replace(mesh, uvs=np.clip(mesh.uvs, 0, 1))
    if kept.normals is None:
        kept = replace(kept, normals=smooth_normals(kept, groups=crease_groups(kept, kept.triangles.astype(np.int32))))
    chart, gap = _own_charts(mesh), _gutter(kept, size)
    notes = (
        [] if gap is None or gap >= padding else [f"charts come within {gap:.1f} texels of each other, not {padding}: colours may bleed"]
    )
    kept = replace(kept, lightmap_uvs=lightmap_uvs(_even_charts(kept, chart), lightmap, notes) if lightmap else mesh.lightmap_uvs)
    mean, variation = _density(mesh)
    measures = {
        "charts": float(chart.max() + 1),
        "utilization": covered_share(mesh.uvs, mesh.triangles, size=size),
        "texel_density_px_per_m": mean * size,
        "texel_density_cv": variation,
        "slivers": float((_widths(mesh, chart, size) < SLIVER).sum()),
    }
    measures |= ({} if gap is None else {"gutter_px": gap}) | lightmap_measures(kept, lightmap)
    return Unwrapped(mesh=add_tangents(kept), size=size, measures=measures, notes=tuple(notes))


def _gutter(mesh: Mesh, size: int) -> float | None:
    """The least gap between two charts, texels; None with a single chart."""
    triangle = rasterize_uvs(mesh, width=size, height=size).triangle
    return least_gap(np.where(triangle >= 0, _own_charts(mesh)[triangle], -1).astype(np.int32))


def _even_charts(mesh: Mesh, chart: Int64[np.ndarray, " triangles"]) -> Charts:
    """The mesh's own charts, each turned face up and scaled to the area that its triangles have in space."""
    assert mesh.uvs is not None  # noqa: S101 - checked by the caller
    points = mesh.uvs.astype(np.float64) * (1, -1)
    flat, space = (np.bincount(chart, areas) for areas in (flat_areas(points, mesh.triangles), triangle_areas(mesh)))
    scale = np.sqrt(space / np.maximum(np.abs(flat), 1e-300))
    of_vertex = np.zeros(len(points), np.int64)
    of_vertex[mesh.triangles] = chart[:, None]
    sides = np.stack([scale * np.where(flat < 0, -1, 1), scale], axis=1)
    return Charts(vertex=np.arange(len(points)), triangles=mesh.triangles, points=points * sides[of_vertex], chart=chart)


def _widths(mesh: Mesh, chart: Int64[np.ndarray, " triangles"], size: int) -> Float64[np.ndarray, " charts"]:
    """The shorter side of each chart's smallest bounding rectangle, texels."""
    assert mesh.uvs is not None  # noqa: S101 - checked by the caller
    corners = mesh.uvs[mesh.triangles[np.argsort(chart, kind="stable")]] * np.float32(size)
    ends = np.cumsum(np.bincount(chart))
    return np.array([min(cv2.minAreaRect(some.reshape(-1, 2))[1]) for some in np.split(corners, ends[:-1])])


def _density(mesh: Mesh) -> tuple[float, float]:
    """Mean of the atlas's sides a metre, by area, and its standard deviation over it."""
    space = triangle_areas(mesh)
    density = np.sqrt(np.abs(uv_areas(mesh)) / np.maximum(space, 1e-300))
    mean = float(np.average(density, weights=space))
    return mean, float(np.sqrt(np.average((density - mean) ** 2, weights=space))) / max(mean, 1e-300)


def _own_charts(mesh: Mesh) -> Int64[np.ndarray, " triangles"]:
    """The chart of each triangle, by vertices that share their position and UV."""
    assert mesh.uvs is not None  # noqa: S101 - checked by the caller
    point, count = equal_rows(np.hstack([mesh.positions, mesh.uvs]))
    corners = point.astype(np.int64)[mesh.triangles]
    label = connected_classes(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]]]), count)
    return np.unique(label[corners[:, 0]], return_inverse=True)[1].astype(np.int64)


def _mixed(mesh: Mesh, flat: Float64[np.ndarray, " triangles"]) -> bool:
    """Whether some chart has triangles that lie face up and others that lie face down; a chart mirrored whole is all right."""
    chart = _own_charts(mesh)
    up, down = np.bincount(chart, np.maximum(flat, 0)), np.bincount(chart, np.maximum(-flat, 0))
    return bool((np.minimum(up, down) > _LOST_AREA * (up + down)).any())
