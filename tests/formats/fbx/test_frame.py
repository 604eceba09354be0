from __future__ import annotations

import numpy as np
import pytest

from kiln.asset.rotation import rotation_matrix
from kiln.formats.fbx.frame import UNITY, UNREAL, UNREAL_FORWARD_X, Frame

_FRAMES = pytest.mark.parametrize("frame", [UNREAL, UNREAL_FORWARD_X, UNITY])


@_FRAMES
def test_a_frame_is_a_rotation_that_keeps_up_and_the_length_of_a_metre(frame: Frame) -> None:
    np.testing.assert_array_equal(frame.rotation @ frame.rotation.T, np.eye(3))
    assert np.linalg.det(frame.rotation) == pytest.approx(1.0)
    axis, sign = frame.up
    np.testing.assert_array_equal(frame.rotation @ (0, 1, 0), sign * np.eye(3)[axis])
    assert frame.units_per_metre * frame.unit_scale_factor == 100.0


@_FRAMES
def test_the_axes_a_frame_says_are_right_handed(frame: Frame) -> None:
    right, up, front = (sign * np.eye(3)[axis] for axis, sign in (frame.coord, frame.up, frame.front))
    np.testing.assert_array_equal(np.cross(right, up), front)


@_FRAMES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_turned_is_the_rotation(frame: Frame, dtype: type) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(dtype)
    turned = frame.turned(vectors)
    assert turned.dtype == dtype
    np.testing.assert_array_equal(turned, (vectors.astype(float) @ frame.rotation.T).astype(dtype))


@_FRAMES
def test_a_rig_turns_as_a_whole_and_keeps_its_joints_to_their_parents(frame: Frame) -> None:
    """What an animation of the same rig from elsewhere says, a joint's turn within its parent, must be true here, too."""
    local = np.tile(np.eye(4), (3, 1, 1))
    local[1:, :3, :3] = rotation_matrix(np.array([0.1, 0.2, 0.3, 0.9]))
    local[:, :3, 3] = (0.0, 0.5, 0.1)
    joints = np.stack([local[0], local[0] @ local[1], local[0] @ local[1] @ local[2]])
    placed = frame.placed(joints, np.array([-1, 0, 1]))
    for joint in (1, 2):
        within = np.linalg.inv(placed[joint - 1]) @ placed[joint]
        np.testing.assert_allclose(within[:3, :3], local[joint, :3, :3], atol=1e-12)
        np.testing.assert_allclose(within[:3, 3], local[joint, :3, 3] * frame.units_per_metre, atol=1e-12)


@_FRAMES
def test_a_root_at_the_origin_stays_unturned_and_what_hangs_from_it_stands_right(frame: Frame) -> None:
    hip = np.eye(4)
    hip[:3, 3] = (0.0, 1.0, 0.0)
    placed = frame.placed(np.stack([np.eye(4), hip]), np.array([-1, 0]))
    np.testing.assert_array_equal(placed[0], np.eye(4))
    np.testing.assert_array_equal(placed[1, :3, 3], frame.turned(hip[None, :3, 3])[0] * frame.units_per_metre)
