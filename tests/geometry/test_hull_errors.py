from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.hull_errors import enclosed_volume, hull_errors
from kiln.geometry.hulls import convex_hull
from shapes import cube, sphere


def moved(mesh: Mesh, *by: float) -> Mesh:
    return mesh.moved(offset=np.array(by, np.float32))


def together(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(m.vertex_count for m in meshes)])
    triangles = np.concatenate([m.triangles + np.uint32(start) for m, start in zip(meshes, starts, strict=False)])
    return Mesh(positions=np.concatenate([m.positions for m in meshes]), triangles=triangles.astype(np.uint32))


def test_a_body_is_its_own_hull():
    errors = hull_errors(cube(), [cube()])
    assert errors.volume_error == pytest.approx(0, abs=1e-9) and errors.outside < 1e-6 and errors.uncovered < 1e-6


def test_a_hull_around_two_cubes_fills_what_is_between_them():
    pair = together(moved(cube(), -1, 0, 0), moved(cube(), 1, 0, 0))
    errors = hull_errors(pair, [convex_hull(pair.positions, vertices=49)])
    assert errors.volume_error == pytest.approx(0.5, abs=1e-6) and errors.uncovered < 1e-6
    assert errors.outside == pytest.approx(0.5 / pair.diagonal, rel=0.05)


def test_faces_between_touching_hulls_are_not_outside():
    box = cube(2)
    halves = [replace(cube(2), positions=cube(2).positions * np.array((0.5, 1, 1), np.float32)) for _ in range(2)]
    errors = hull_errors(box, [moved(halves[0], -0.5, 0, 0), moved(halves[1], 0.5, 0, 0)])
    assert errors.volume_error == pytest.approx(0, abs=1e-6) and errors.outside < 1e-6 and errors.uncovered < 1e-6


def test_what_no_hull_covers_is_measured_to_the_nearest_hull():
    pair = together(cube(), moved(cube(), 3, 0, 0))
    errors = hull_errors(pair, [cube()])
    assert errors.uncovered == pytest.approx(3 / pair.diagonal, rel=1e-6) and errors.volume_error == pytest.approx(0.5)


def test_what_is_added_and_what_is_lost_do_not_make_up_for_each_other():
    errors = hull_errors(cube(), [moved(cube(), 0.25, 0, 0)])
    assert (errors.added, errors.lost) == pytest.approx((0.25, 0.25), rel=0.03)
    assert errors.volume_error == pytest.approx(0.5, rel=0.03)


def test_hulls_that_overlap_count_once():
    errors = hull_errors(cube(), [cube(), moved(cube(), 0.2, 0, 0)])
    assert errors.added == pytest.approx(0.2, rel=0.04) and errors.lost == pytest.approx(0, abs=1e-3)


def test_overlapping_parts_of_a_mesh_count_once_and_a_cavity_not():
    corner = together(cube(), moved(cube(), 0.5, 0.5, 0.5))
    assert enclosed_volume(corner) == pytest.approx(1.875, rel=5e-3)
    hollow = together(cube(2), replace(cube(), triangles=cube().triangles[:, ::-1]))
    assert enclosed_volume(hollow) == pytest.approx(7, rel=1e-6)


def test_an_open_mesh_has_no_volume_but_distances():
    bowl = sphere().take_triangles(np.arange(960) > 300)
    errors = hull_errors(bowl, [convex_hull(bowl.positions, vertices=200)])
    assert errors.volume_error is None and errors.uncovered < 0.01 and errors.outside > 0
