from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import volume
from kiln.geometry.distance import distance_to
from kiln.geometry.simplify import FINE, simplify
from kiln.geometry.topology import measure_topology
from kiln.geometry.vectors import face_vectors
from shapes import cube, mesh, refined, sphere


def thin_plate() -> Mesh:
    plate = refined(cube(), 4)
    return replace(plate, positions=plate.positions * np.array([1, 0.3, 0.01], np.float32))


@pytest.mark.parametrize("budget", [50, 200, 501, 900])
def test_a_budget_is_hit_and_the_surface_stays_sound(budget):
    coarse = simplify(sphere(), triangles=budget)
    topology = measure_topology(coarse)
    assert 0.98 * budget - 1 <= coarse.triangle_count <= budget
    assert topology.is_sound and topology.euler == 2


def test_a_dense_mesh_takes_the_fast_way_and_is_as_sound():
    dense = sphere(200, 220)
    coarse = simplify(dense, triangles=1000)
    assert measure_topology(coarse).is_sound and coarse.triangle_count in (999, 1000) and dense.triangle_count > 2 * FINE
    assert distance_to(dense, coarse.positions.astype(np.float64)).max() < 6e-3
    assert volume(coarse) == pytest.approx(volume(dense), rel=0.01)


def test_flat_sides_and_sharp_edges_survive_exactly():
    coarse = simplify(refined(cube(), 4), triangles=50)
    assert volume(coarse) == pytest.approx(1, abs=1e-5)
    corners = {tuple(corner) for corner in np.round(coarse.positions, 4)}
    assert {tuple(corner) for corner in cube().positions} <= corners


def test_a_thin_plate_keeps_both_sides():
    coarse = simplify(thin_plate(), triangles=60)
    assert measure_topology(coarse).is_sound
    assert volume(coarse) == pytest.approx(0.003, rel=1e-3)


def test_no_triangle_is_turned_over():
    coarse = simplify(sphere(40, 80), triangles=300)
    outward = np.einsum("ij,ij->i", face_vectors(coarse), coarse.positions[coarse.triangles].mean(axis=1))
    assert (outward > 0).all()


def test_an_open_rim_stays_in_place():
    bowl = sphere(32, 64).take_triangles(sphere(32, 64).positions[sphere(32, 64).triangles].mean(axis=1)[:, 1] < 0)
    coarse = simplify(bowl, triangles=200)
    rim = coarse.positions[:, 1] > -0.02
    assert rim.sum() >= 8 and np.allclose(np.linalg.norm(coarse.positions[rim], axis=1), 1, atol=0.02)


def test_what_is_within_the_budget_keeps_its_shape():
    assert volume(simplify(cube(), triangles=50)) == pytest.approx(1)
    assert simplify(cube(), triangles=12).triangle_count == 12


def test_sheets_that_cross_become_manifold():
    solid = cube()
    other = solid.moved(offset=np.array([1, 1, 0], np.float32))
    touching = mesh(np.concatenate([solid.positions, other.positions]), np.concatenate([solid.triangles, other.triangles + 8]))
    assert measure_topology(touching).non_manifold_edges == 1
    assert measure_topology(simplify(touching, triangles=50)).is_sound


def test_what_is_marked_important_keeps_its_detail():
    ball = sphere(60, 120)
    right = ball.positions[:, 0] > 0
    coarse = simplify(replace(ball, importance=np.where(right, 4, 1).astype(np.float32)), triangles=1000)
    on_right = coarse.positions[coarse.triangles].mean(axis=1)[:, 0] > 0
    assert measure_topology(coarse).is_sound and coarse.importance is None
    assert 3 < on_right.sum() / (~on_right).sum() < 6


def test_importance_of_nothing_or_nonsense_does_no_harm():
    marks = np.tile(np.array([0, np.nan, np.inf, 1], np.float32), sphere().vertex_count)[: sphere().vertex_count]
    coarse = simplify(replace(sphere(), importance=marks), triangles=200)
    assert measure_topology(coarse).is_sound and np.isfinite(coarse.positions).all()


def test_the_same_mesh_comes_out_every_time():
    first, second = (simplify(sphere(), triangles=300) for _ in range(2))
    assert np.array_equal(first.positions, second.positions) and np.array_equal(first.triangles, second.triangles)


def test_hundreds_of_small_parts_stay_closed_on_the_fast_way():
    ball = sphere(8, 14)
    count = 2 * FINE // ball.triangle_count + 20
    centers = 3 * np.stack(np.unravel_index(np.arange(count), (8, 8, count // 64 + 1)), axis=1)
    positions = (ball.positions[None] + centers[:, None]).reshape(-1, 3)
    triangles = (ball.triangles[None] + ball.vertex_count * np.arange(count)[:, None, None]).reshape(-1, 3)
    topology = measure_topology(simplify(mesh(positions, triangles), triangles=8_000))
    assert (topology.triangles, topology.open_edges, topology.components) == (8_000, 0, count)
