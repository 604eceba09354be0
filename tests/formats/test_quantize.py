"""Numbers in fewer bits stay within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiln.formats.quantize import byte_weights, exponential_rows, exponential_values

RANDOM = np.random.default_rng(5)


@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-100, 100), bits=st.integers(8, 16))
def test_numbers_are_off_by_half_a_step_at_most(scale: float, shift: float, bits: int) -> None:
    values = (RANDOM.random((50, 3)) * (1, 0.5, 0.01) * scale + shift * scale).astype(np.float32)
    off = np.abs(exponential_values(exponential_rows(values, bits=bits)).astype(np.float64) - values).max()
    step = max(2.0 ** (0.5 - bits) * np.ptp(values, axis=0).max() * 2, np.abs(values).max() * 2.0**-22)
    assert off <= step / 2


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-12, 1e8])
def test_one_number_alone_stays_itself(value: float) -> None:
    values = np.full((4, 2), value, np.float32)
    assert np.abs(exponential_values(exponential_rows(values, bits=14)) - values).max() <= abs(value) * 2.0**-22


def test_a_corner_of_the_unit_square_stays_there() -> None:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0.5, 0.25)], np.float32)
    assert np.array_equal(exponential_values(exponential_rows(corners, bits=14)), corners)


@pytest.mark.parametrize("influences", [4, 8])
def test_weights_sum_to_255_and_stay_near(influences: int) -> None:
    weights = RANDOM.dirichlet(np.full(influences, 0.3), 3000).astype(np.float32)
    weights[0] = np.eye(influences)[0]
    packed = byte_weights(weights)
    assert (packed.sum(axis=1, dtype=int) == 255).all()
    assert np.abs(packed / 255 - weights).max() < 1 / 255
    assert (packed[weights == 0] == 0).all()
    assert packed[0, 0] == 255
