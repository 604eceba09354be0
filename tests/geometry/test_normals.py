from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.geometry.normals import smooth_normals, with_normals
from kiln.geometry.vectors import face_vectors
from shapes import cube, mesh, sphere


def test_a_spheres_normals_are_its_positions() -> None:
    ball = sphere(48, 96)
    assert (smooth_normals(ball) * ball.positions).sum(axis=1).min() > 0.9999


def test_a_cubes_corner_normals_do_not_depend_on_how_its_sides_are_cut() -> None:
    normals = smooth_normals(cube(2.0))
    assert np.allclose(normals, cube(2.0).positions / np.sqrt(3), atol=1e-6)


def test_seams_do_not_show() -> None:
    whole = cube()
    soup = mesh(whole.positions[whole.triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    assert np.allclose(smooth_normals(soup), smooth_normals(whole)[whole.triangles.ravel()])


def test_face_vectors_of_a_closed_mesh_sum_to_nothing_and_measure_area() -> None:
    vectors = face_vectors(cube(2.0))
    assert np.allclose(vectors.sum(axis=0), 0)
    assert np.isclose(np.linalg.norm(vectors, axis=1).sum() / 2, 24)


def test_without_normals_a_boxs_sides_are_flat_and_a_ball_is_round() -> None:
    box, ball = with_normals(cube()), sphere(8, 12)
    assert np.abs(box.normals[box.triangles]).max(axis=2).min() == 1
    assert np.array_equal(box.positions[box.triangles], cube().positions[cube().triangles]), "triangles and corners keep their order"
    assert with_normals(ball).vertex_count == ball.vertex_count
    assert np.array_equal(with_normals(ball).normals, smooth_normals(ball))


def test_own_normals_are_kept() -> None:
    own = replace(cube(), normals=smooth_normals(cube()))
    assert with_normals(own) is own
