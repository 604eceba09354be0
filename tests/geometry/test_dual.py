from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import volume
from kiln.geometry.distance import distance_to
from kiln.geometry.rebuild import rebuild
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere
from torture import shifted, together

VOXELS = 32


def turned(solid: Mesh) -> Mesh:
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    return replace(solid, positions=(solid.positions @ turn.T).astype(np.float32))


def places_on(made: Mesh) -> np.ndarray:
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), (made.triangle_count, 4))
    return np.einsum("tsk,tkj->tsj", weights, made.positions[made.triangles].astype(np.float64)).reshape(-1, 3)


@pytest.mark.parametrize("turn", [lambda solid: solid, turned], ids=["straight", "turned"])
def test_two_cubes_through_each_other_keep_sharp_edges(turn) -> None:
    cubes = turn(together(cube(), shifted(cube(), 0.4, 0.3, 0.2)))
    voxel = float(np.ptp(cubes.positions, axis=0).max()) / VOXELS
    made = rebuild(cubes, voxels=VOXELS)
    off = distance_to(cubes, places_on(made)) / voxel
    assert off.max() < 0.2 and np.quantile(off, 0.999) < 0.02  # bevels of marching cubes are up to 0.5 off
    assert volume(made) == pytest.approx(2 - 0.6 * 0.7 * 0.8, rel=1e-3)
    corners = np.linalg.norm(cubes.positions[:, None] - made.positions[None], axis=2).min(axis=1)
    assert (corners < 0.05 * voxel).sum() == 14  # of 16: each cube has one corner within the other
    assert measure_topology(made).is_closed and measure_topology(made).is_manifold


def test_a_smooth_ball_stays_smooth_whichever_way_its_triangles_are_wound() -> None:
    ball = sphere(48, 96)
    rng = np.random.default_rng(0)
    made = rebuild(ball, voxels=VOXELS)
    assert np.abs(np.linalg.norm(made.positions, axis=1) - 1).max() < 0.05 * 2 / VOXELS
    rough = replace(ball, positions=(ball.positions * rng.normal(1, 0.003, (ball.vertex_count, 1))).astype(np.float32))
    assert np.abs(np.linalg.norm(rebuild(rough, voxels=VOXELS).positions, axis=1) - 1).max() < 0.5 * 2 / VOXELS
