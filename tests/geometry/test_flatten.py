"""What is developable must unroll without any stretch; stretch itself is checked against maps whose singular values are known."""

from __future__ import annotations

import numpy as np

from kiln.geometry.flatten import as_rigid_as_possible, lying_triangles, stretches
from shapes import mesh


def test_lying_triangles_keep_their_edges() -> None:
    positions = np.random.default_rng(0).normal(size=(6, 3))
    lying = lying_triangles(positions, np.array([(0, 1, 2), (3, 4, 5)], np.uint32))
    for k in range(3):
        space = np.linalg.norm(positions.reshape(2, 3, 3)[:, k] - positions.reshape(2, 3, 3)[:, k - 1], axis=1)
        assert np.allclose(np.linalg.norm(lying[:, k] - lying[:, k - 1], axis=1), space)
    assert (lying[:, 2, 1] > 0).all()


def test_stretches_are_singular_values_and_flips_are_negative() -> None:
    lying = np.array([[(0, 0), (2, 0), (0.5, 1)]], float)
    assert np.allclose(stretches(lying, lying @ np.array([(3, 0), (0, 0.5)])), [(3, 0.5)])
    assert np.allclose(stretches(lying, lying @ np.array([(0.6, 0.8), (-0.8, 0.6)])), [(1, 1)])
    assert np.allclose(stretches(lying, lying * (1, -1)), [(1, -1)])


def test_half_a_cylinder_unrolls_without_stretch() -> None:
    angle, height = np.meshgrid(np.linspace(0, np.pi, 17), np.linspace(0, 2, 5))
    positions = np.stack([np.cos(angle), height, np.sin(angle)], axis=-1).reshape(-1, 3)
    at = np.arange(85).reshape(5, 17)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1).reshape(-1, 4)
    half = mesh(positions, np.concatenate([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]]]))
    lying = lying_triangles(half.positions.astype(float), half.triangles)
    start = np.stack([-positions[:, 0], positions[:, 1]], axis=1)
    flat = start
    for _ in range(6):
        flat = as_rigid_as_possible(lying, half.triangles, flat)
    first = stretches(lying, start[half.triangles])
    last = stretches(lying, flat[half.triangles])
    assert first.min() < 0.2
    assert abs(last - 1).max() < 1e-3
