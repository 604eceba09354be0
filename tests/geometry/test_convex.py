from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.geometry.areas import volume
from kiln.geometry.convex import hull_corners, hull_equations, hull_mesh, hull_volume, is_convex, thickened
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere, tetrahedron

BOX = cube().positions.astype(np.float64)


def test_points_within_are_no_corners():
    inner = np.random.default_rng(0).uniform(-0.4, 0.4, (50, 3))
    assert sorted(map(tuple, hull_corners(np.concatenate([inner, BOX])))) == sorted(map(tuple, BOX))


def test_flat_points_have_no_volume_and_stay():
    flat = BOX * (1, 0, 1)
    assert hull_volume(flat) == 0 and np.array_equal(hull_corners(flat), flat)


@pytest.mark.parametrize("points", [BOX * (1, 0, 1), BOX * (1, 0, 0), BOX * 0])
def test_what_is_flat_gets_volume_around_itself(points):
    thick = thickened(points)
    assert hull_volume(thick) > 0 and np.allclose(thick.mean(axis=0), points.mean(axis=0), atol=1e-9)


def test_what_has_volume_is_left_alone():
    assert np.array_equal(thickened(BOX), BOX)


@pytest.mark.parametrize("solid", [cube(), tetrahedron(), sphere()])
def test_a_hulls_mesh_is_closed_outward_and_convex(solid):
    hull = hull_mesh(solid.positions.astype(np.float64))
    assert measure_topology(hull).is_sound and is_convex(hull)
    assert volume(hull) == pytest.approx(hull_volume(solid.positions.astype(np.float64)), rel=1e-5)


def test_each_side_is_one_plane():
    planes = hull_equations(BOX)
    assert planes.shape == (6, 4) and (BOX @ planes[:, :3].T + planes[:, 3]).max() < 1e-9


def test_a_dent_is_not_convex():
    dented = sphere().positions.copy()
    dented[100] *= 0.7
    assert is_convex(sphere()) and not is_convex(replace(sphere(), positions=dented))
