"""A UV atlas for a mesh: charts cut, laid flat, joined, packed, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from kiln.asset import Mesh
from kiln.errors import BackendError, PostconditionError
from kiln.geometry.areas import flat_areas, triangle_areas, uv_areas
from kiln.geometry.box_uv import box_axes, box_corners, box_joined
from kiln.geometry.charts import Charts, finished
from kiln.geometry.layout import Layout, doubled, doubled_triangles, new_layout
from kiln.geometry.normals import crease_groups, smooth_normals
from kiln.geometry.pack import pack
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.seams import InnerEdges, inner_edges
from kiln.geometry.stitch import cut_loose, mend, stitch
from kiln.geometry.tangents import add_tangents
from kiln.geometry.weld import weld_classes
from kiln.isolate import run_isolated
from kiln.kernels.weld import first_of_classes

Method = Literal["auto", "xatlas", "box"]

_REPAIRS = 5
"""Times that triangles which lie over others in the finished atlas are cut loose and all is packed anew."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Unwrapped:
    """A mesh with its atlas, and what is to be said of it."""

    mesh: Mesh
    measures: Mapping[str, float]
    """"charts"; "utilization", the islands' share of all texels; "texel_density_cv", standard deviation over mean, by area."""

    notes: tuple[str, ...]


def unwrap(mesh: Mesh, *, size: int, padding: int, method: Method = "auto", time_limit_s: float = 20.0) -> Unwrapped:
    """The mesh with UVs in a size x size atlas, normals and MikkTSpace tangents; vertices are split at seams, triangles keep their
    order. Normals are smooth but at seams that run along creases: there the normal map need not bend them back.

    First charts come from the axes that triangles face ("auto", "box") or from xatlas in a child process under a time limit ("xatlas",
    which falls back to the axes). All but "box" then join charts where the two lie flat together. Islands are padding texels apart; none
    overlaps or is mirrored. Raises PostconditionError when that cannot be had.
    """
    edges = inner_edges(mesh)
    layout, notes = _first_charts(mesh, edges, method, time_limit_s)
    mend(layout)
    if method != "box":
        stitch(layout)
    charts, uvs = _packed(layout, mesh, size=size, padding=padding)
    split = replace(mesh.take_vertices(charts.vertex, charts.triangles), uvs=uvs)
    groups = crease_groups(split, split.triangles.astype(np.int32))
    result = add_tangents(replace(split, normals=smooth_normals(split, groups=groups)))
    return Unwrapped(mesh=result, measures={"charts": float(charts.count)} | _measures(result, size), notes=notes)


def _first_charts(mesh: Mesh, edges: InnerEdges, method: Method, time_limit_s: float) -> tuple[Layout, tuple[str, ...]]:
    if method == "xatlas":
        try:
            return _xatlas_charts(mesh, edges, time_limit_s), ()
        except BackendError as error:
            return _box_charts(mesh, edges), (f"charts were cut by box projection instead of xatlas: {error}",)
    return _box_charts(mesh, edges), ()


def _box_charts(mesh: Mesh, edges: InnerEdges) -> Layout:
    axis = box_axes(mesh, edges)
    return new_layout(mesh, edges, box_joined(edges, axis), box_corners(mesh, axis))


def _xatlas_charts(mesh: Mesh, edges: InnerEdges, time_limit_s: float) -> Layout:
    """xatlas's charts, mirrored ones turned over. It sees welded vertices, lest every seam the mesh came with should cut a chart."""
    point, count = weld_classes(mesh.positions)
    first = first_of_classes(point, count)
    welded = point.astype(np.uint32)[mesh.triangles]
    triangles, points = run_isolated("kiln.geometry.xatlas_child:cut", mesh.positions[first], welded, timeout_s=time_limit_s)
    ends = triangles.reshape(-1)[edges.corners]
    joined = (ends[:, :, 0] == ends[:, :, 1]).all(axis=1)
    chart = edges.charts(joined)
    mirrored = np.bincount(chart, flat_areas(points, triangles)) < 0
    corners = points[triangles] * np.stack([np.where(mirrored[chart], -1.0, 1.0), np.ones(len(chart))], axis=1)[:, None]
    return new_layout(mesh, edges, joined, corners)


def _packed(layout: Layout, mesh: Mesh, *, size: int, padding: int) -> tuple[Charts, Float32[np.ndarray, "corners 2"]]:
    """The charts and their UVs, after cutting loose the triangles that lie over others, at last on the atlas's very texels."""
    cut_loose(layout, np.flatnonzero(doubled(layout.everything(), cells=size * size)))
    for _ in range(_REPAIRS):
        charts = finished(layout, mesh)
        uvs = pack(charts, size=size, padding=padding)
        over = np.flatnonzero(doubled_triangles(uvs.astype(np.float64)[charts.triangles] * size, charts.chart))
        if not len(over):
            _check(mesh, charts, uvs)
            return charts, uvs
        cut_loose(layout, over)
    raise PostconditionError(f"{len(over)} triangles still lie over others in the atlas: repair the mesh first, or choose another method")


def _check(mesh: Mesh, charts: Charts, uvs: Float32[np.ndarray, "corners 2"]) -> None:
    """Raise PostconditionError when UVs leave the atlas or a triangle that has an area lies mirrored or flat."""
    lost = _signed_areas(uvs, charts) >= 0
    lost &= triangle_areas(mesh) > 0.5e-12 * mesh.diagonal**2
    if not (np.isfinite(uvs).all() and uvs.min() >= 0 and uvs.max() <= 1):
        raise PostconditionError("UVs leave the atlas: repair the mesh first, or choose another method")
    if lost.any():
        raise PostconditionError(f"{int(lost.sum())} triangles lie mirrored or without area in the atlas: repair the mesh first")


def _signed_areas(uvs: Float32[np.ndarray, "corners 2"], charts: Charts) -> Float64[np.ndarray, " triangles"]:
    """In UV units; negative is right, because v points down."""
    return flat_areas(uvs.astype(np.float64), charts.triangles)


def _measures(mesh: Mesh, size: int) -> dict[str, float]:
    covered = float((rasterize_uvs(mesh, width=size, height=size).triangle >= 0).mean())
    space = triangle_areas(mesh)
    density = np.sqrt(np.abs(uv_areas(mesh)) / np.maximum(space, 1e-300))
    mean = float(np.average(density, weights=space))
    deviation = float(np.sqrt(np.average((density - mean) ** 2, weights=space)))
    return {"utilization": covered, "texel_density_cv": deviation / mean}
