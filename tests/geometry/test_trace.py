from __future__ import annotations

import numpy as np

from kiln.geometry.bake import SurfacePoints
from kiln.geometry.trace import Scene
from shapes import cube


def test_rays_at_a_cube_hit_where_they_should() -> None:
    box = cube(2.0)
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 31), np.linspace(-1.5, 1.5, 31))
    origins = np.stack([x.ravel(), y.ravel(), np.full(x.size, 5)], axis=1).astype(np.float32)
    down = np.tile(np.float32([0, 0, -1]), (len(origins), 1))
    hits = Scene(box).closest(origins, down)
    inside = (np.abs(origins[:, :2]) < 0.99).all(axis=1)
    assert hits.hit[inside].all()
    assert not hits.hit[(np.abs(origins[:, :2]) > 1.01).any(axis=1)].any()
    assert np.allclose(hits.distance[inside], 4)
    at = SurfacePoints(triangle=hits.triangle[inside], bary=hits.bary[inside]).take(box, box.positions)
    assert np.allclose(at, origins[inside] - (0, 0, 4), atol=1e-5)


def test_reach_limits_both_kinds_of_rays() -> None:
    scene = Scene(cube(2.0))
    origin, down = np.float32([[0.1, 0.2, 5]]), np.float32([[0, 0, -1]])
    assert scene.closest(origin, down, max_distance=4.1).hit.all()
    assert not scene.closest(origin, down, max_distance=3.9).hit.any()
    assert scene.occluded(origin, down, max_distance=4.1).all()
    assert not scene.occluded(origin, down, max_distance=3.9).any()
