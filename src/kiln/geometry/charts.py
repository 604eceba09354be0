"""Charts: a mesh cut open into pieces that lie flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import flat_areas
from kiln.geometry.layout import Layout


@dataclass(frozen=True, eq=False, kw_only=True)
class Charts:
    """A mesh cut into flat charts, in the plane's own coordinates: y up, triangles counter-clockwise, charts may lie over each other."""

    vertex: Int64[np.ndarray, " corners"]
    """The mesh's vertex that each chart vertex was split from."""

    triangles: UInt32[np.ndarray, "triangles 3"]
    """In chart vertices; the mesh's triangles in the same order and with the same first corner."""

    points: Float64[np.ndarray, "corners 2"]
    """Where each chart vertex lies, metres: a chart has the area that its triangles have in space."""

    chart: Int64[np.ndarray, " triangles"]
    """The chart of each triangle, 0 to count - 1."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def count(self) -> int:
        """How many charts there are."""
        return int(self.chart.max(initial=-1)) + 1

    @property
    def area(self) -> float:
        """Of all charts as they lie, square metres."""
        return float(np.abs(flat_areas(self.points, self.triangles)).sum())

    @property
    def vertex_chart(self) -> Int64[np.ndarray, " corners"]:
        """The chart of each chart vertex."""
        chart = np.zeros(len(self.vertex), np.int64)
        chart[self.triangles] = self.chart[:, None]
        return chart


def finished(layout: Layout, mesh: Mesh) -> Charts:
    """The layout's charts, each scaled to the area it has in space, so that texels are spread evenly."""
    corner = layout.edges.chart_vertices(layout.joined)
    triangles = corner.reshape(-1, 3).astype(np.uint32)
    vertex = np.zeros(int(corner.max(initial=-1)) + 1, np.int64)
    vertex[corner] = mesh.triangles.reshape(-1)
    points = np.zeros((len(vertex), 2))
    points[corner] = layout.corners.reshape(-1, 2)
    chart = layout.charts()
    flat, space = (np.bincount(chart, areas) for areas in (flat_areas(points, triangles), layout.areas))
    scale = np.ones(len(vertex))
    scale[triangles] = np.sqrt(space / np.maximum(flat, 1e-300))[chart][:, None]
    return Charts(vertex=vertex, triangles=triangles, points=points * scale[:, None], chart=chart)


def rim_edges(triangles: UInt32[np.ndarray, "triangles 3"]) -> tuple[UInt32[np.ndarray, "edges 2"], Int64[np.ndarray, " edges"]]:
    """The edges that bound a chart, and the triangle each belongs to, in order of triangles."""
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    low, high = np.sort(edges, axis=1).T.astype(np.int64)
    _, inverse, uses = np.unique(low << 32 | high, return_inverse=True, return_counts=True)
    at = np.flatnonzero(uses[inverse] == 1)
    return edges[at], at // 3
