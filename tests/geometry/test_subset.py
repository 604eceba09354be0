from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.geometry.subset import Subset
from kiln.geometry.topology import measure_topology
from shapes import sphere


def test_left_alone_a_mesh_comes_back_as_it_was():
    ball = replace(sphere(8, 16), material_ids=np.arange(sphere(8, 16).triangle_count, dtype=np.uint32) % 3)
    subset = Subset.of(ball)
    used, left = subset.left(subset.collapsing())
    assert used.tolist() == list(range(ball.vertex_count))
    assert np.array_equal(left.triangles, ball.triangles) and np.array_equal(left.material_ids, ball.material_ids)


def test_a_vertex_where_materials_meet_has_a_wedge_for_each_and_stays_one_vertex():
    ball = sphere(8, 16)
    upper = ball.positions[ball.triangles].mean(axis=1)[:, 1] > 0
    ball = replace(ball, material_ids=upper.astype(np.uint32))
    subset = Subset.of(ball)
    rim = np.intersect1d(ball.triangles[upper], ball.triangles[~upper])
    assert len(subset.vertices) == ball.vertex_count + len(rim)
    collapsing = subset.collapsing()
    collapsing.to(100)
    used, left = subset.left(collapsing)
    assert left.triangle_count <= 100 and measure_topology(left).is_sound
    assert np.array_equal(left.positions, ball.positions[used])
    areas = left.positions[left.triangles].mean(axis=1)[:, 1] > 0
    assert (areas == (left.material_ids == 1)).mean() > 0.9


def test_triangles_that_have_a_point_twice_do_not_count():
    ball = sphere(8, 16)
    flat = replace(ball, triangles=np.concatenate([ball.triangles, np.array([(3, 3, 4)], np.uint32)]))
    assert Subset.of(flat).index.tolist() == list(range(ball.triangle_count))
