from __future__ import annotations

import numpy as np

from kiln.kernels.band import spread_distances
from kiln.kernels.triangle_tree import nearest_on_triangle


def test_distances_around_a_triangle_are_exact_within_reach_and_untouched_beyond():
    triangle = np.array([[(2.3, 3.1, 2.2), (13.4, 4.2, 3.3), (5.1, 12.6, 9.8)]])
    distance = np.full((16, 16, 16), np.inf, np.float32)
    for first in (0, 5):  # two shares, as threads have them
        spread_distances(triangle, 1.9, distance, first, 5 if first == 0 else 16)
    points = np.stack(np.meshgrid(*(np.arange(16.0),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    exact = np.sqrt([nearest_on_triangle(p, *triangle[0])[0] for p in points]).reshape(distance.shape)
    assert np.allclose(distance, np.where(exact <= 1.9, exact, np.inf), atol=1e-5)
