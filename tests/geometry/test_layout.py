from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.areas import triangle_areas
from kiln.geometry.charts import finished, rim_edges
from kiln.geometry.layout import Layout, Selection, box_fill, density_variation, doubled, flipped, lengths, new_layout, overlapping
from kiln.geometry.seams import inner_edges
from shapes import mesh

SQUARE = mesh([(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)])


def laid_out() -> Layout:
    """A rectangle of two triangles in one chart, lying as it is."""
    corners = SQUARE.positions[SQUARE.triangles][..., :2].astype(np.float64)
    return new_layout(SQUARE, inner_edges(SQUARE), np.array([True]), corners)


def test_what_is_flat_already_lies_without_stretch_flip_or_overlap() -> None:
    everything = laid_out().everything()
    assert everything.count == 1
    assert np.allclose(everything.stretch, 1, atol=1e-6)
    assert not flipped(everything).any()
    assert not overlapping(everything).any()
    assert density_variation(everything) == pytest.approx(0, abs=1e-6)
    assert box_fill(everything) == pytest.approx(1, abs=1e-5)
    assert 2 <= lengths(everything)[0] <= np.sqrt(5)  # along the main direction: between the long side and the diagonal


def test_a_triangle_turned_over_is_flipped_and_one_laid_over_another_is_found() -> None:
    layout = laid_out()
    layout.corners[1] = layout.corners[1] * (1, -1)
    assert flipped(layout.everything()).all()
    layout.corners[1] = layout.corners[0]
    assert doubled(layout.everything(), cells=10_000).tolist() == [False, True]
    apart = Selection(layout, np.arange(2), np.arange(2), 2)
    assert not overlapping(apart).any()


def test_finished_charts_have_the_area_of_their_triangles_in_space() -> None:
    layout = laid_out()
    layout.corners *= 3
    charts = finished(layout, SQUARE)
    assert charts.count == 1
    assert charts.vertex_chart.tolist() == [0] * 4
    assert (SQUARE.positions[charts.vertex[charts.triangles]] == SQUARE.positions[SQUARE.triangles]).all()
    u, v = (charts.points[charts.triangles[:, k]] - charts.points[charts.triangles[:, 0]] for k in (1, 2))
    assert np.allclose((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2, triangle_areas(SQUARE))


def test_the_rim_of_a_square_is_its_four_sides() -> None:
    edges, owners = rim_edges(SQUARE.triangles)
    assert {frozenset(edge) for edge in edges.tolist()} == {frozenset(side) for side in ((0, 1), (1, 2), (2, 3), (3, 0))}
    assert owners.tolist() == [0, 0, 1, 1]
