from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.spread import spread


def test_known_pixels_stay_and_one_colour_fills_everything() -> None:
    values = np.zeros((13, 21, 3), np.float32)
    weights = np.zeros((13, 21), np.float32)
    values[4, 7] = (0.2, 0.5, 0.8)
    weights[4, 7] = 1
    np.testing.assert_allclose(spread(values, weights), np.broadcast_to(values[4, 7], values.shape), atol=1e-5)


def test_unknown_pixels_lie_between_their_neighbours() -> None:
    values = np.zeros((16, 64, 1), np.float32)
    values[:, 48:] = 1
    weights = np.ones((16, 64), np.float32)
    weights[:, 16:48] = 0
    filled = spread(values, weights)[8, :, 0]
    np.testing.assert_array_equal(filled[:16], 0)
    np.testing.assert_array_equal(filled[48:], 1)
    assert (np.diff(filled) >= -1e-6).all()
    assert filled[31] == pytest.approx(0.5, abs=0.1)


def test_nothing_known_gives_zero() -> None:
    np.testing.assert_array_equal(spread(np.ones((5, 4, 2), np.float32), np.zeros((5, 4), np.float32)), 0)
