"""How well a UV layout uses its texture: share covered, overlaps, flips, charts, gutter, texel density."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int32

from kiln.asset import Mesh, Value
from kiln.geometry.areas import triangle_areas, uv_areas
from kiln.geometry.gutter import least_gap
from kiln.geometry.rasterize import Fragments, rasterize_uvs
from kiln.geometry.topology import label_components
from kiln.kernels.weld import equal_rows

_ZERO_AREA = 5e-13
"""A triangle's share of the texture, below which it holds no texel even at 65,536 px."""

_OUTSIDE = 1e-5
"""UV units beyond the texture's edge that rounding may cause."""


_THIN_TEXELS = 8
"""A chart thinner than this is a sliver."""

_LIGHTMAP_SIZE = 1024
"""Texels on a side on which the second layout is judged: lightmaps are small."""


@dataclass(frozen=True, kw_only=True)
class UvLayout:
    """Numbers about one UV layout on a texture of a given size."""

    utilization: float
    """Share of the texture's texels that some triangle covers."""

    overlap_texels: int
    """Texels whose centre lies in more than one triangle."""

    flipped: int
    """Triangles wound against most of the layout."""

    zero_area: int
    outside: int
    """Triangles with a corner outside the texture."""

    charts: int
    gutter_px: float | None
    """Empty texels between the two charts that come nearest to each other; None with a single chart."""

    density_mean: float
    """Texels per metre of surface, averaged over the area."""

    density_cv: float
    """Its standard deviation over its mean."""

    density_p5: float
    density_p95: float
    """Percentiles by area."""

    sliver_share: float
    """Share of the charts whose area over their longer side is below _THIN_TEXELS texels."""


def measure_uvs(mesh: Mesh, fragments: Fragments) -> dict[str, Value]:
    """The measures of a mesh's layouts; `fragments` are the first one's on a map of the size it is meant for."""
    height, width = fragments.triangle.shape
    layout = measure_layout(mesh, width=width, height=height, fragments=fragments)
    return {
        "uv_utilization": layout.utilization,
        "uv_overlap_texels": layout.overlap_texels,
        "uv_flipped": layout.flipped,
        "uv_zero_area": layout.zero_area,
        "uv_outside": layout.outside,
        "uv_charts": layout.charts,
        "uv_sliver_charts": layout.sliver_share,
        "uv_gutter_px": layout.gutter_px,
        "uv_gutter_share": None if layout.gutter_px is None else layout.gutter_px / width,
        "texel_density_px_per_m": layout.density_mean,
        "texel_density_cv": layout.density_cv,
        "texel_density_p5_px_per_m": layout.density_p5,
        "texel_density_p95_px_per_m": layout.density_p95,
    } | _measure_lightmap(mesh)


def _measure_lightmap(mesh: Mesh) -> dict[str, Value]:
    if mesh.lightmap_uvs is None:
        return {}
    layout = measure_layout(replace(mesh, uvs=mesh.lightmap_uvs), width=_LIGHTMAP_SIZE, height=_LIGHTMAP_SIZE)
    return {
        "lightmap_uv_utilization": layout.utilization,
        "lightmap_uv_overlap_texels": layout.overlap_texels,
        "lightmap_uv_outside": layout.outside,
    }


def measure_layout(mesh: Mesh, *, width: int, height: int, fragments: Fragments | None = None) -> UvLayout:
    """Measure the mesh's UVs on a width x height map. `fragments` saves time when the caller has rasterized the UVs already."""
    uvs = _uvs(mesh)
    fragments = fragments or rasterize_uvs(mesh, width=width, height=height)
    covered = fragments.triangle >= 0
    labels, charts = chart_labels(mesh)
    areas = uv_areas(mesh)
    texels = np.abs(areas) * width * height
    mean, deviation, low, high = _density(mesh, texels)
    outside = np.any((uvs < -_OUTSIDE) | (uvs > 1 + _OUTSIDE), axis=1)
    return UvLayout(
        utilization=float(covered.mean()),
        overlap_texels=_overlaps(mesh, fragments),
        flipped=int(min((areas > 0).sum(), (areas < 0).sum())),
        zero_area=int((np.abs(areas) < _ZERO_AREA).sum()),
        outside=int(outside[mesh.triangles].any(axis=1).sum()),
        charts=charts,
        gutter_px=least_gap(np.where(covered, labels[fragments.triangle], -1).astype(np.int32)),
        density_mean=mean,
        density_cv=deviation / mean if mean > 0 else 0.0,
        density_p5=low,
        density_p95=high,
        sliver_share=_sliver_share(mesh, labels, texels, width=width, height=height),
    )


def chart_labels(mesh: Mesh) -> tuple[Int32[np.ndarray, " triangles"], int]:
    """The chart of each triangle and how many there are: triangles that share a vertex, vertices being welded by position and UV."""
    classes, count = equal_rows(np.concatenate([mesh.positions, _uvs(mesh)], axis=1))
    return label_components(classes.astype(np.int32)[mesh.triangles], point_count=count)


def _uvs(mesh: Mesh) -> Float32[np.ndarray, "vertices 2"]:
    if mesh.uvs is None:
        raise ValueError("the mesh has no UVs to measure")
    return mesh.uvs


def _overlaps(mesh: Mesh, fragments: Fragments) -> int:
    """Texels that have two owners: drawing the triangles in reverse order gives those another one."""
    reverse = Mesh(positions=mesh.positions, triangles=mesh.triangles[::-1], uvs=mesh.uvs)
    height, width = fragments.triangle.shape
    last = rasterize_uvs(reverse, width=width, height=height).triangle
    return int((fragments.triangle != np.where(last >= 0, mesh.triangle_count - 1 - last, -1)).sum())


def _density(mesh: Mesh, texels: Float64[np.ndarray, " triangles"]) -> tuple[float, float, float, float]:
    """Texels per metre, weighted by area: mean, standard deviation, 5th and 95th percentile; texels are those of each triangle."""
    area = triangle_areas(mesh)
    solid = area > 1e-12 * max(mesh.diagonal, 1e-30) ** 2
    if not solid.any():
        return 0.0, 0.0, 0.0, 0.0
    area, density = area[solid], np.sqrt(texels[solid] / area[solid])
    mean = float(np.average(density, weights=area))
    order = np.argsort(density)
    passed = np.cumsum(area[order])
    low, high = density[order[np.searchsorted(passed, np.array([0.05, 0.95]) * passed[-1])]]
    return mean, float(np.sqrt(np.average((density - mean) ** 2, weights=area))), float(low), float(high)


def _sliver_share(
    mesh: Mesh, labels: Int32[np.ndarray, " triangles"], texels: Float64[np.ndarray, " triangles"], *, width: int, height: int
) -> float:
    """Share of the charts that are thinner than _THIN_TEXELS: area over the longer side of the bounding box, so a bent strip counts too."""
    count = int(labels.max(initial=-1)) + 1
    corners = _uvs(mesh)[mesh.triangles] * np.array([width, height], np.float32)
    low, high = np.full((count, 2), np.inf, np.float32), np.full((count, 2), -np.inf, np.float32)
    np.minimum.at(low, labels, corners.min(axis=1))
    np.maximum.at(high, labels, corners.max(axis=1))
    thickness = np.bincount(labels, weights=texels, minlength=count) / np.maximum((high - low).max(axis=1), 1e-9)
    return float((thickness < _THIN_TEXELS).mean()) if count else 0.0
