"""Curvature where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.curvature import mean_curvature
from shapes import mesh, sphere


@pytest.mark.parametrize("radius", [0.1, 1.0, 25.0])
def test_a_ball_bends_by_one_over_its_radius(radius: float) -> None:
    assert np.allclose(mean_curvature(sphere(48, 96, radius)), 1 / radius, rtol=0.03)


def test_a_hollow_is_negative() -> None:
    ball = sphere(48, 96)
    inside_out = mesh(ball.positions, ball.triangles[:, ::-1])
    assert np.allclose(mean_curvature(inside_out), -1, rtol=0.03)


def test_a_plane_and_a_mesh_without_edges_are_flat() -> None:
    square = mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)])
    assert not mean_curvature(square).any()
    point: Mesh = mesh([(0, 0, 0)], [(0, 0, 0)])
    assert not mean_curvature(point).any()
