"""A UV atlas for a mesh: charts cut, laid flat, joined, packed, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.errors import BackendError, PostconditionError
from kiln.geometry.areas import flat_areas, triangle_areas, uv_areas
from kiln.geometry.atlas import Atlas, atlas_size, denser, lay_out
from kiln.geometry.box_uv import box_axes, box_corners, box_joined
from kiln.geometry.importance import detail_levels, wanted_detail
from kiln.geometry.layout import Layout, covered_share, new_layout, widths
from kiln.geometry.lightmap import Lightmap, lightmap_measures, lightmap_uvs
from kiln.geometry.normals import crease_groups, smooth_normals
from kiln.geometry.room import atlas_side
from kiln.geometry.seams import InnerEdges, inner_edges
from kiln.geometry.split_charts import split_charts
from kiln.geometry.stitch import MOST_VARIATION, absorb, mend, stitch
from kiln.geometry.straighten import straighten
from kiln.geometry.tangents import add_tangents
from kiln.geometry.weld import weld_classes
from kiln.isolate import run_isolated
from kiln.kernels.weld import first_of_classes

Method = Literal["auto", "xatlas", "box"]

_Cut = Literal["auto", "xatlas", "box", "loose"]
"""How charts are cut; loose makes every triangle one."""

_LADDER: tuple[_Cut, ...] = ("box", "loose")
"""What is tried when the method asked for gives no sound atlas."""

SLIVER = 8
"""Texels: a chart less wide than this is more gutter than chart, its colours bleed in smaller mip levels, and nobody can paint on it."""

_ABSORBED = 1.25 * SLIVER
"""Texels: charts less wide are joined to neighbours. A little more, since how many texels a metre gets is not known yet then."""

_LEAST_AREA = 1e-6
"""Square diagonals of surface that a mesh must have: a line's charts would be millions of times longer than wide."""

_GOOD_FILL = 0.64
"""Share of the atlas under which charts are cut finer, and kept so if that fills it better."""

_FINER_GAIN = 0.95
"""Share of a chart's room that its pieces may need when charts are cut finer: every twentieth of a chart then is worth a seam."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Unwrapped:
    """A mesh with its atlas, and what is to be said of it."""

    mesh: Mesh
    size: int
    """Texels on a side."""

    measures: Mapping[str, float]
    """"charts"; "utilization", the islands' share of all texels; "texel_density_px_per_m", the mean by area; "texel_density_cv", standard
    deviation over mean, relative to what was asked for; "slivers", charts less than 8 texels wide; "lightmap_utilization" where there is
    one."""

    notes: tuple[str, ...]


def unwrap(
    mesh: Mesh,
    *,
    size: int,
    padding: int,
    method: Method = "auto",
    density: float | None = None,
    front_weight: float = 1.0,
    face_weight: float = 1.0,
    max_charts: int | None = None,
    lightmap: Lightmap | None = None,
    time_limit_s: float = 20.0,
) -> Unwrapped:
    """The mesh with UVs in a square atlas, normals and MikkTSpace tangents; vertices are split at seams, triangles keep their order.
    Normals are smooth but at seams that run along creases: there the normal map need not bend them back.

    First charts come from the axes that triangles face ("auto", "box") or from xatlas in a child process under a time limit ("xatlas",
    which falls back to the axes). All but "box" then join charts where the two lie flat together, and cut those that would not pack. What
    gives no sound atlas is tried again by "box", and at last with every triangle alone. Islands are padding texels apart; none overlaps
    or is mirrored. Raises PostconditionError when that cannot be had.

    density (texels a metre) chooses the atlas's size itself, up to 8192; else the charts fill an atlas of `size`. The weights and
    mesh.importance are explained at `wanted_detail`.
    """
    area = _area_to_lay(mesh)
    edges = inner_edges(mesh)
    detail = wanted_detail(mesh, edges, front_weight=front_weight, face_weight=face_weight)
    if density is not None:
        size = atlas_size(area, density=density)
    cutter = _Cutter(mesh, edges, detail, padding / size, _ABSORBED / size, max_charts, time_limit_s)
    notes: list[str] = []
    for cut in (method, *(rung for rung in _LADDER if rung != method)):
        try:
            layout, atlas = cutter.laid_out(cut, notes, size=size, padding=padding, density=density)
            if cut == "auto" and density is None and max_charts is None and atlas.fill < _GOOD_FILL:
                layout, atlas = _finer(cutter, layout, atlas, padding)
            break
        except PostconditionError as error:
            if cut == _LADDER[-1]:
                raise
            notes.append(f"method {cut} gave no sound atlas ({error})")
    notes += _too_many(atlas, edges, max_charts)
    result = _dressed(mesh, atlas, lightmap, notes)
    return Unwrapped(mesh=result, size=atlas.size, measures=_measures(layout, atlas, result, lightmap), notes=tuple(notes))


def _area_to_lay(mesh: Mesh) -> float:
    """The mesh's area, square metres; PostconditionError when there is next to none."""
    area = float(triangle_areas(mesh).sum())
    if not area > _LEAST_AREA * mesh.diagonal**2:
        raise PostconditionError("unwrap: the mesh has next to no area to lay flat: repair it first")
    return area


def _too_many(atlas: Atlas, edges: InnerEdges, max_charts: int | None) -> list[str]:
    """What is to be said when there are more charts than were asked for."""
    if max_charts is None or atlas.charts.count <= max_charts:
        return []
    parts = int(edges.charts(np.ones(len(edges.lengths), bool)).max()) + 1
    if atlas.charts.count == parts:
        why = "the mesh has that many separate parts"
    else:
        why = f"fewer would lie over themselves or vary in texel density by more than {MOST_VARIATION:.0%} inside a chart"
    return [f"{atlas.charts.count:,} charts, not {max_charts:,}: {why}"]


def _finer(cutter: _Cutter, layout: Layout, atlas: Atlas, padding: int) -> tuple[Layout, Atlas]:
    """The layout and its atlas, or those of more charts where they fill the atlas better."""
    more = cutter.finer(layout)
    other = None if more is None else denser(atlas, more, cutter.mesh, padding=padding, detail=cutter.detail)
    return (layout, atlas) if more is None or other is None else (more, other)


@dataclass(frozen=True, eq=False)
class _Cutter:
    """Makes charts of one mesh by one method or another."""

    mesh: Mesh
    edges: InnerEdges
    detail: Float64[np.ndarray, " triangles"] | None
    gutter: float
    sliver: float
    """Both as shares of the atlas's side."""

    max_charts: int | None
    time_limit_s: float

    def cut(self, method: _Cut, notes: list[str]) -> Layout:
        """Charts, laid flat."""
        if method == "loose":
            notes.append("every triangle became a chart of its own")
            return self._loose()
        layout = self._first(method, notes)
        mend(layout)
        straighten(layout)
        if method != "box":
            stitch(layout, gutter=self.gutter, apart=self._level_borders())
            split_charts(layout, gutter=self.gutter)
            straighten(layout)
        absorb(layout, thinner_than=self.sliver * atlas_side(layout), most=self.max_charts)
        return layout

    def laid_out(self, method: _Cut, notes: list[str], *, size: int, padding: int, density: float | None) -> tuple[Layout, Atlas]:
        """Charts, and their atlas. When triangles that had to be cut loose there make more charts than were asked for, as many fewer are
        cut."""
        layout = self.cut(method, notes)
        count = layout.everything().count
        atlas = lay_out(layout, self.mesh, size=size, padding=padding, density=density, detail=self.detail)
        loose = atlas.charts.count - count
        if self.max_charts is None or not count <= self.max_charts < atlas.charts.count or loose >= self.max_charts:
            return layout, atlas
        layout = replace(self, max_charts=self.max_charts - loose).cut(method, [])
        return layout, lay_out(layout, self.mesh, size=size, padding=padding, density=density, detail=self.detail)

    def finer(self, layout: Layout) -> Layout | None:
        """The layout with more cuts, or None where none wins room."""
        more = replace(layout, joined=layout.joined.copy(), corners=layout.corners.copy())
        split_charts(more, gutter=self.gutter, gain=_FINER_GAIN)
        if (more.joined == layout.joined).all():
            return None
        straighten(more)
        absorb(more, thinner_than=self.sliver * atlas_side(more))
        return more

    def _first(self, method: _Cut, notes: list[str]) -> Layout:
        if method == "xatlas":
            try:
                return self._by_xatlas()
            except BackendError as error:
                notes.append(f"charts were cut by box projection instead of xatlas: {error}")
        axis = box_axes(self.mesh, self.edges)
        joined = box_joined(self.edges, axis) & ~self._level_borders()
        return new_layout(self.mesh, self.edges, joined, box_corners(self.mesh, axis))

    def _by_xatlas(self) -> Layout:
        """xatlas's charts, mirrored ones turned over. It sees welded vertices, lest every seam the mesh came with should cut a chart."""
        point, count = weld_classes(self.mesh.positions)
        first = first_of_classes(point, count)
        welded = point.astype(np.uint32)[self.mesh.triangles]
        cut = "kiln.geometry.xatlas_child:cut"
        triangles, points = run_isolated(cut, self.mesh.positions[first], welded, timeout_s=self.time_limit_s)
        ends = triangles.reshape(-1)[self.edges.corners]
        joined = (ends[:, :, 0] == ends[:, :, 1]).all(axis=1) & ~self._level_borders()
        chart = self.edges.charts(joined)
        mirrored = np.bincount(chart, flat_areas(points, triangles)) < 0
        corners = points[triangles] * np.stack([np.where(mirrored[chart], -1.0, 1.0), np.ones(len(chart))], axis=1)[:, None]
        return new_layout(self.mesh, self.edges, joined, corners)

    def _loose(self) -> Layout:
        corners = np.zeros((self.mesh.triangle_count, 3, 2))
        layout = new_layout(self.mesh, self.edges, np.zeros(len(self.edges.lengths), bool), corners)
        layout.corners = layout.lying.copy()
        return layout

    def _level_borders(self) -> np.ndarray:
        """Edges between triangles that are to get different texel densities."""
        if self.detail is None:
            return np.zeros(len(self.edges.lengths), bool)
        level = detail_levels(self.detail)[self.edges.triangles]
        return np.asarray(level[:, 0] != level[:, 1])


def _dressed(mesh: Mesh, atlas: Atlas, lightmap: Lightmap | None, notes: list[str]) -> Mesh:
    """The mesh split into the atlas's vertices, with its UVs, normals and tangents."""
    charts = atlas.charts
    split = replace(
        mesh.take_vertices(charts.vertex, charts.triangles), uvs=atlas.uvs, lightmap_uvs=lightmap_uvs(atlas.charts, lightmap, notes)
    )
    groups = crease_groups(split, split.triangles.astype(np.int32))
    return add_tangents(replace(split, normals=smooth_normals(split, groups=groups)))


def _measures(layout: Layout, atlas: Atlas, mesh: Mesh, lightmap: Lightmap | None) -> dict[str, float]:
    space = triangle_areas(mesh)
    density = atlas.size * np.sqrt(np.abs(uv_areas(mesh)) / np.maximum(space, 1e-300))
    asked = density / atlas.factor[atlas.charts.chart]
    mean = float(np.average(asked, weights=space))
    scale = float(np.sqrt(np.average((asked - mean) ** 2, weights=space)))
    texels = widths(layout.everything()) * atlas.factor * mean
    measures = {
        "charts": float(atlas.charts.count),
        "utilization": covered_share(atlas.uvs, mesh.triangles, size=atlas.size),
        "texel_density_px_per_m": float(np.average(density, weights=space)),
        "texel_density_cv": scale / mean,
        "slivers": float((texels < SLIVER).sum()),
    }
    return measures | lightmap_measures(mesh, lightmap)
