"""Borders between charts, on a strip of triangles whose shortest border is known."""

from __future__ import annotations

import numpy as np

from kiln.asset import Mesh
from kiln.geometry.layout import Layout, flipped, new_layout, overlapping
from kiln.geometry.seams import inner_edges
from kiln.geometry.straighten import straighten
from shapes import cube, grid, mesh


def cut(sheet: Mesh, chart: np.ndarray) -> Layout:
    edges = inner_edges(sheet)
    beside = chart[edges.triangles]
    return new_layout(sheet, edges, beside[:, 0] == beside[:, 1], sheet.positions[sheet.triangles][..., :2].astype(np.float64))


def border(layout: Layout) -> float:
    return float(layout.edges.lengths[~layout.joined].sum())


def test_teeth_are_taken_off_a_border() -> None:
    sheet = grid(8, 4)
    chart = np.repeat([0, 1], 32)
    chart[19:32:4] = 1  # upper triangles of every other square under the border
    layout = cut(sheet, chart)
    straighten(layout)
    assert border(layout) == 8
    assert layout.everything().count == 2
    assert not flipped(layout.everything()).any()
    assert not overlapping(layout.everything()).any()


def test_straight_borders_stay() -> None:
    layout = cut(grid(6, 2), np.repeat([0, 1], 12))
    before = layout.joined.copy()
    straighten(layout)
    assert np.array_equal(layout.joined, before)


def test_a_cubes_edges_are_borders_already() -> None:
    solid = cube()
    axis = np.repeat(np.arange(6), 2)
    edges = inner_edges(solid)
    joined = (axis[edges.triangles[:, 0]] == axis[edges.triangles[:, 1]]) & True
    layout = new_layout(solid, edges, joined, np.zeros((12, 3, 2)))
    layout.corners = layout.lying.copy()
    straighten(layout)
    assert np.array_equal(layout.joined, joined)


def test_moved_triangles_lie_where_their_new_neighbours_are() -> None:
    sheet = grid(4, 2)
    chart = np.repeat([0, 1], 8)
    chart[5] = 1
    layout = cut(sheet, chart)
    layout.corners[chart == 1] += 100
    straighten(layout)
    shift = layout.corners - sheet.positions[sheet.triangles][..., :2]
    own = layout.charts()
    for number in range(2):
        assert np.allclose(np.ptp(shift[own == number].reshape(-1, 2), axis=0), 0, atol=1e-6)


def test_triangles_without_common_edges_stay() -> None:
    """A hairball: no edge is inner, so nothing can be straightened."""
    soup = mesh(np.random.default_rng(0).random((60, 3)), np.arange(60).reshape(-1, 3))
    layout = cut(soup, np.arange(20))
    before = layout.corners.copy()
    straighten(layout)
    assert layout.everything().count == 20
    assert np.array_equal(layout.corners, before)
