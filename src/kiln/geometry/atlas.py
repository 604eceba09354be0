"""Charts laid into an atlas: of a given size and as large as fits, or at a given texel density and in the least size that holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.errors import PostconditionError
from kiln.geometry.areas import flat_areas, triangle_areas
from kiln.geometry.charts import Charts, finished
from kiln.geometry.importance import chart_detail, weighted
from kiln.geometry.layout import Layout, doubled, doubled_triangles
from kiln.geometry.pack import pack, pack_at, pack_beyond
from kiln.geometry.stitch import cut_loose, reattach

SIZES = (256, 512, 1024, 2048, 4096, 8192)
"""Texels on a side that an atlas may have when its texel density was asked for."""

_REPAIRS = 5
"""Times that triangles which lie over others in the finished atlas are cut loose and all is packed anew."""

_ROUNDED = 1e-8
"""Share of the atlas (a 24th of a texel at 2048) under which a needle may come to lie flat or mirrored: float32 UVs round that away."""

_USUAL_FILL = 0.75
"""Share of an atlas that charts hardly ever fill: smaller ones are not tried."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Atlas:
    """Charts and where they lie."""

    charts: Charts
    """Without what importance did to their scale."""

    factor: Float64[np.ndarray, " charts"]
    """How many times the usual texels per metre each chart was given."""

    uvs: Float32[np.ndarray, "corners 2"]
    size: int

    @property
    def density(self) -> float:
        """Texels a metre of a chart with the factor 1."""
        return self.size * float(np.sqrt(self.fill / max(weighted(self.charts, self.factor).area, 1e-300)))

    @property
    def fill(self) -> float:
        """The charts' share of the atlas."""
        return float(np.abs(flat_areas(self.uvs.astype(np.float64), self.charts.triangles)).sum())

    def __post_init__(self) -> None:
        freeze_arrays(self)


def atlas_size(area: float, *, density: float) -> int:
    """The least atlas that could hold square metres of surface at so many texels a metre."""
    side = density * float(np.sqrt(area / _USUAL_FILL))
    return next((size for size in SIZES if size >= side), SIZES[-1])


def lay_out(
    layout: Layout,
    mesh: Mesh,
    *,
    size: int,
    padding: int,
    density: float | None = None,
    detail: Float64[np.ndarray, " triangles"] | None = None,
) -> Atlas:
    """The layout's charts in an atlas, after cutting loose the triangles that lie over others, mirrored or flat, at last on the atlas's
    very texels.

    With density (texels a metre) the size is only where to start from; at most 8192 texels are used, though that may be less than was
    asked. Raises PostconditionError when triangles keep lying over others, are lost, or do not fit.
    """
    loose = np.flatnonzero(doubled(layout.everything(), cells=size * size))
    cut_loose(layout, loose)
    reattach(layout, loose, cells=size * size)
    for attempt in range(_REPAIRS):
        charts = finished(layout, mesh)
        factor = np.ones(charts.count) if detail is None else chart_detail(layout, detail)
        uvs, size = _packed(weighted(charts, factor), size, padding, density)
        atlas = Atlas(charts=charts, factor=factor, uvs=uvs, size=size)
        over = np.union1d(_doubled(atlas), _lost(atlas, mesh, least=_ROUNDED if attempt else 0.0))
        if not len(over):
            _check(atlas, mesh)
            return atlas
        cut_loose(layout, over)
    raise PostconditionError(
        f"{len(over)} triangles still lie over others, mirrored or flat in the atlas: repair the mesh first, or choose another method"
    )


def denser(atlas: Atlas, layout: Layout, mesh: Mesh, *, padding: int, detail: Float64[np.ndarray, " triangles"] | None) -> Atlas | None:
    """This other layout of the mesh in an atlas of the same size with more texels a metre; None when that is not easily had."""
    charts = finished(layout, mesh)
    factor = np.ones(charts.count) if detail is None else chart_detail(layout, detail)
    uvs = pack_beyond(weighted(charts, factor), size=atlas.size, padding=padding, density=atlas.density)
    if uvs is None:
        return None
    other = Atlas(charts=charts, factor=factor, uvs=uvs, size=atlas.size)
    if len(_doubled(other)):
        return None
    _check(other, mesh)
    return other


def _doubled(atlas: Atlas) -> Int64[np.ndarray, " some"]:
    """Triangles that lie over others of their chart."""
    corners = atlas.uvs.astype(np.float64)[atlas.charts.triangles] * atlas.size
    return np.flatnonzero(doubled_triangles(corners, atlas.charts.chart))


def _packed(charts: Charts, size: int, padding: int, density: float | None) -> tuple[Float32[np.ndarray, "corners 2"], int]:
    """UVs, and the size of the atlas they are for."""
    if density is None:
        return pack(charts, size=size, padding=padding), size
    for larger in (s for s in SIZES if s >= size):
        uvs = pack_at(charts, size=larger, padding=padding, density=density)
        if uvs is not None:
            return uvs, larger
    return pack(charts, size=SIZES[-1], padding=padding), SIZES[-1]


def _lost(atlas: Atlas, mesh: Mesh, *, least: float) -> Int64[np.ndarray, " some"]:
    """Triangles that have an area, and at least this share of the atlas, but lie mirrored or flat."""
    flat = flat_areas(atlas.uvs.astype(np.float64), atlas.charts.triangles) >= 0  # negative is right, because v points down
    space = triangle_areas(mesh)
    return np.flatnonzero(flat & (space > 0.5e-12 * mesh.diagonal**2) & (space / max(space.sum(), 1e-300) * atlas.fill >= least))


def _check(atlas: Atlas, mesh: Mesh) -> None:
    """Raise PostconditionError when UVs leave the atlas or a triangle that has an area lies mirrored or flat."""
    lost, uvs = len(_lost(atlas, mesh, least=_ROUNDED)), atlas.uvs
    if not (np.isfinite(uvs).all() and uvs.min() >= 0 and uvs.max() <= 1):
        raise PostconditionError("UVs leave the atlas: repair the mesh first, or choose another method")
    if lost:
        raise PostconditionError(f"{lost} triangles lie mirrored or without area in the atlas: repair the mesh first")
