"""A UV atlas for a mesh: charts cut, laid flat, packed, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kiln.asset import Mesh
from kiln.errors import BackendError
from kiln.geometry.charts import Charts, connected_charts, upright, with_equal_area
from kiln.geometry.normals import face_vectors, smooth_normals
from kiln.geometry.pack import pack
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.tangents import add_tangents
from kiln.isolate import run_isolated


@dataclass(frozen=True, eq=False, kw_only=True)
class Unwrapped:
    """A mesh with its atlas, and what is to be said of it."""

    mesh: Mesh
    notes: tuple[str, ...]
    measures: Mapping[str, float]


def unwrap(mesh: Mesh, *, size: int, padding: int, method: Literal["auto", "xatlas", "box"] = "auto", time_limit_s: float = 20.0) -> Unwrapped:
    """The mesh with UVs, smooth normals and tangents; vertices are split at seams, triangles keep their order."""
    vertex, triangles, points = run_isolated("kiln.geometry.charts_xatlas:cut", mesh.positions, mesh.triangles, timeout_s=time_limit_s)
    charts = Charts(vertex=vertex, triangles=triangles, points=points, chart=connected_charts(triangles, vertices=len(vertex)))
    areas = np.linalg.norm(face_vectors(mesh), axis=1) / 2
    charts = with_equal_area(upright(charts), areas)
    uvs = pack(charts, size=size, padding=padding)
    smooth = replace(mesh, normals=smooth_normals(mesh))
    split = replace(smooth.take_vertices(charts.vertex, charts.triangles), uvs=uvs)
    covered = float((rasterize_uvs(split, width=size, height=size).triangle >= 0).mean())
    return Unwrapped(mesh=add_tangents(split), notes=(), measures={"utilization": covered, "charts": charts.count})
