from __future__ import annotations

import numpy as np

from kiln.geometry.seams import connected_classes, inner_edges
from shapes import cube, mesh


def test_a_cube_has_its_18_edges_and_falls_apart_when_none_is_joined() -> None:
    edges = inner_edges(cube(2.0))
    assert len(edges.triangles) == 18
    assert np.sort(edges.lengths)[[0, -1]].tolist() == [2.0, np.float64(np.sqrt(8))]
    assert edges.charts(np.zeros(18, bool)).tolist() == list(range(12))
    assert edges.charts(np.ones(18, bool)).max() == 0
    assert edges.chart_vertices(np.ones(18, bool)).max() + 1 == 8
    assert edges.chart_vertices(np.zeros(18, bool)).max() + 1 == 36


def test_corners_of_both_sides_lie_on_the_same_point() -> None:
    box = cube()
    edges = inner_edges(box)
    points = box.triangles.reshape(-1)[edges.corners]
    assert (points[:, :, 0] == points[:, :, 1]).all()
    assert (box.positions[points[:, :, 0]] == box.positions[edges.points]).all()


def test_edges_of_one_triangle_of_three_or_of_opposite_windings_are_cut() -> None:
    fan = mesh([(0, 0, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0), (0, 1, 0)], [(0, 1, 2), (1, 0, 3), (0, 1, 4)])
    assert len(inner_edges(fan).triangles) == 0
    twisted = mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 3, 2)])
    assert len(inner_edges(twisted).triangles) == 0


def test_classes_are_numbered_by_their_lowest_node() -> None:
    pairs = np.array([(5, 1), (3, 4), (1, 2)])
    assert connected_classes(pairs, 6).tolist() == [0, 1, 1, 2, 2, 1]
    assert connected_classes(np.zeros((0, 2), np.int64), 3).tolist() == [0, 1, 2]
