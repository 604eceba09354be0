from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiln.formats.influences import tidy_influences


def test_the_heaviest_stay_and_sum_to_one() -> None:
    joints, weights = tidy_influences(np.array([[5, 6, 7, 8, 9]]), np.array([[0.1, 0.4, 0.0, 0.3, 0.2]]), most=2)
    assert joints.tolist() == [[6, 8]]
    np.testing.assert_allclose(weights, [[4 / 7, 3 / 7]], rtol=1e-6)


def test_a_joint_listed_twice_gets_both_weights() -> None:
    joints, weights = tidy_influences(np.array([[3, 4, 3]]), np.array([[0.25, 0.5, 0.25]]), most=4)
    assert joints.tolist() == [[3, 4, 0, 0]]
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0, 0]])


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_without_any_usable_weight_joint_0_moves_it(weight: float) -> None:
    joints, weights = tidy_influences(np.array([[3, 4]]), np.full((1, 2), weight), most=4)
    assert joints.tolist() == [[0, 0, 0, 0]]
    assert weights.tolist() == [[1, 0, 0, 0]]


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=6, max_size=6), min_size=1, max_size=8))
def test_tidying_twice_changes_nothing(rows: list[list[tuple[int, float]]]) -> None:
    given_joints, given_weights = np.array(rows).transpose(2, 0, 1)
    joints, weights = tidy_influences(given_joints.astype(int), given_weights, most=4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (joints[weights == 0] == 0).all()
    again_joints, again_weights = tidy_influences(joints, weights, most=4)
    np.testing.assert_array_equal(again_joints, joints)
    np.testing.assert_allclose(again_weights, weights, atol=1e-7)
