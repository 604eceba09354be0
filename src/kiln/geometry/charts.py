"""Charts: a mesh cut open into pieces that lie flat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64, UInt32
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Charts:
    """A mesh cut into flat charts, in the plane's own coordinates: y up, triangles counter-clockwise, charts may overlap each other."""

    vertex: Int64[np.ndarray, " corners"]
    """The mesh's vertex that each chart vertex was split from."""

    triangles: UInt32[np.ndarray, "triangles 3"]
    """In chart vertices; the mesh's triangles in the same order and with the same first corner."""

    points: Float64[np.ndarray, "corners 2"]
    """Where each chart vertex lies; the unit is the mesh's (metres), so that areas agree."""

    chart: Int64[np.ndarray, " triangles"]
    """The chart of each triangle, 0 to count - 1."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def count(self) -> int:
        """How many charts there are."""
        return int(self.chart.max(initial=-1)) + 1

    @property
    def vertex_chart(self) -> Int64[np.ndarray, " corners"]:
        """The chart of each chart vertex."""
        chart = np.zeros(len(self.vertex), np.int64)
        chart[self.triangles] = self.chart[:, None]
        return chart


def connected_charts(triangles: UInt32[np.ndarray, "triangles 3"], *, vertices: int) -> Int64[np.ndarray, " triangles"]:
    """The chart of each triangle: triangles are in one chart when a chain of shared vertices joins them."""
    a, b, c = triangles.T.astype(np.int64)
    graph = coo_array((np.ones(2 * len(a), np.int8), (np.r_[a, b], np.r_[b, c])), shape=(vertices, vertices))
    _, label = connected_components(graph, directed=False)
    _, chart = np.unique(label[a], return_inverse=True)
    return chart.astype(np.int64)


def flat_areas(points: Float64[np.ndarray, "corners 2"], triangles: UInt32[np.ndarray, "triangles 3"]) -> Float64[np.ndarray, " triangles"]:
    """Signed area of each flat triangle; counter-clockwise is positive."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return 0.5 * ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def upright(charts: Charts) -> Charts:
    """The charts with those that lie mirrored, as a whole, turned over."""
    signed = np.bincount(charts.chart, flat_areas(charts.points, charts.triangles), charts.count)
    flip = np.where(signed < 0, -1.0, 1.0)[charts.vertex_chart]
    return replace(charts, points=charts.points * np.stack([flip, np.ones_like(flip)], 1))


def with_equal_area(charts: Charts, areas: Float64[np.ndarray, " triangles"]) -> Charts:
    """The charts, each scaled to the area its triangles have in space (square metres), so that texels are spread evenly."""
    flat = np.bincount(charts.chart, flat_areas(charts.points, charts.triangles), charts.count)
    space = np.bincount(charts.chart, areas, charts.count)
    scale = np.sqrt(space / np.maximum(flat, 1e-300))
    return replace(charts, points=charts.points * scale[charts.vertex_chart][:, None])


def rim_edges(triangles: UInt32[np.ndarray, "triangles 3"]) -> tuple[UInt32[np.ndarray, "edges 2"], Int64[np.ndarray, " edges"]]:
    """The edges that bound a chart, and the triangle each belongs to, in order of triangles."""
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    low, high = np.sort(edges, axis=1).T.astype(np.int64)
    _, inverse, uses = np.unique(low << 32 | high, return_inverse=True, return_counts=True)
    at = np.flatnonzero(uses[inverse] == 1)
    return edges[at], at // 3
