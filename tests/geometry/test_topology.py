from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.topology import find_edges, label_components, measure_topology, point_triangles
from shapes import cube, mesh, sphere, tetrahedron


@pytest.mark.parametrize("solid", [tetrahedron(), cube(), sphere()])
def test_solids_are_sound_and_have_the_euler_number_of_a_sphere(solid):
    topology = measure_topology(solid)
    assert topology.is_sound and topology.is_closed and topology.is_manifold
    assert (topology.euler, topology.components) == (2, 1)


def test_vertices_split_at_seams_are_one_point():
    solid = cube()
    soup = mesh(solid.positions[solid.triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    assert measure_topology(soup) == measure_topology(solid)


def test_each_defect_is_counted_once():
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, -1, 0)]
    fan = mesh(corners, [(0, 1, 2), (1, 0, 3), (0, 1, 4)])
    assert (measure_topology(fan).non_manifold_edges, measure_topology(fan).open_edges) == (1, 6)
    same_way = mesh(corners, [(0, 1, 2), (0, 1, 3)])
    assert (measure_topology(same_way).inconsistent_edges, measure_topology(same_way).is_manifold) == (1, True)
    twice = mesh(corners, [(0, 1, 2), (2, 1, 0)])
    assert (measure_topology(twice).duplicate_triangles, measure_topology(twice).open_edges) == (1, 0)
    flat = mesh([*corners, (0.5, 0, 0)], [(0, 1, 2), (0, 0, 1), (0, 5, 1)])
    assert (measure_topology(flat).degenerate_triangles, measure_topology(flat).triangles) == (2, 2)


def test_tolerance_welds_what_is_near():
    near = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1e-6, 0), (0, 1 - 1e-6, 0), (1, 1, 0)], [(0, 1, 2), (3, 5, 4)])
    assert (measure_topology(near).components, measure_topology(near, tolerance=1e-4).components) == (2, 1)


def test_components_share_a_point():
    triangles = np.array([(0, 1, 2), (2, 3, 4), (5, 6, 7)], np.int32)
    labels, count = label_components(triangles, point_count=8)
    assert (labels.tolist(), count) == ([0, 0, 1], 2)


def test_twins_agree_with_a_slow_search():
    faces, count = point_triangles(sphere(6, 8).take_triangles(np.arange(80) % 7 > 0))
    edges = find_edges(faces, point_count=count)
    ends = {(int(a), int(b)): h for h, (a, b) in enumerate(zip(edges.starts, edges.stops, strict=True))}
    assert all(edges.twins[h] == ends.get((b, a), -1) for (a, b), h in ends.items())
    assert edges.open_count == (edges.twins == -1).sum() and edges.edge_count == len({frozenset(e) for e in ends})
