"""Rasterized triangles against a test of every pixel's centre."""

from __future__ import annotations

import numpy as np

from kiln.kernels.raster import rasterize_rows


def test_owner_depth_and_weights_agree_with_a_test_of_every_centre() -> None:
    random = np.random.default_rng(6)
    points, depth = random.uniform(-4, 20, (12, 2)), random.random(12)
    triangles = np.arange(12, dtype=np.uint32).reshape(4, 3)
    owner, bary = np.full((16, 16), -1, np.int32), np.zeros((16, 16, 2), np.float32)
    nearest = np.full((16, 16), np.inf, np.float32)
    for first in (0, 7):  # rows may be shared out at will
        rasterize_rows(points, depth, triangles, owner, bary, nearest, first, 7 if first == 0 else 16)
    centre = np.stack(np.meshgrid(np.arange(16) + 0.5, np.arange(16) + 0.5), axis=-1)
    best, expected = np.full((16, 16), np.inf), np.full((16, 16), -1)
    for t, (a, b, c) in enumerate(triangles):
        edges = np.stack([points[b] - points[a], points[c] - points[a]], axis=1)
        weights = np.einsum("ij,hwj->hwi", np.linalg.inv(edges), centre - points[a])
        inside = (weights.min(axis=2) > 0) & (weights.sum(axis=2) < 1)
        z = depth[a] + weights @ (depth[[b, c]] - depth[a])
        nearer = inside & (z < best)
        best[nearer], expected[nearer] = z[nearer], t
        assert np.allclose(bary[owner == t], weights[owner == t], atol=1e-5)
    assert np.array_equal(owner, expected)
    assert np.allclose(nearest, best.astype(np.float32))
