"""Charts as they are packed: their vertices, their scale, their outlines."""

from __future__ import annotations

import numpy as np

from kiln.geometry.areas import flat_areas
from kiln.geometry.charts import finished, rim_edges
from kiln.geometry.layout import new_layout
from kiln.geometry.seams import inner_edges
from shapes import grid


def test_charts_have_the_area_of_the_surface_and_split_vertices_at_seams() -> None:
    sheet = grid(4, 2)
    edges = inner_edges(sheet)
    half = (np.arange(16) % 8 >= 4).astype(np.int64)[edges.triangles]
    layout = new_layout(sheet, edges, half[:, 0] == half[:, 1], 3.0 * sheet.positions[sheet.triangles][..., :2].astype(np.float64))
    layout.corners *= 3.0
    charts = finished(layout, sheet)
    assert charts.count == 2
    assert np.allclose(flat_areas(charts.points, charts.triangles), layout.areas)
    assert np.array_equal(charts.vertex[charts.triangles], sheet.triangles)
    assert len(charts.vertex) == sheet.vertex_count + 3, "the three vertices of the seam are doubled"
    assert np.array_equal(charts.vertex_chart[charts.triangles[:, 0]], charts.chart)


def test_rim_edges_are_those_of_one_triangle_only() -> None:
    edges, owner = rim_edges(np.array([(0, 1, 2), (0, 2, 3)], np.uint32))
    assert edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]
    assert owner.tolist() == [0, 0, 1, 1]
