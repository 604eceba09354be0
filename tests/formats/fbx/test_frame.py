from __future__ import annotations

import numpy as np
import pytest

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
def test_carried_transforms_do_to_carried_points_what_they_did_before(frame: Frame) -> None:
    random = np.random.default_rng(1)
    transform = np.eye(4)
    transform[:3] = random.normal(size=(3, 4))
    point = random.normal(size=3)
    carried = frame.carried(np.stack([transform, np.eye(4)]))
    np.testing.assert_array_equal(carried[1], np.eye(4))

    def placed(at: np.ndarray) -> np.ndarray:
        return frame.turned(at[None])[0] * frame.units_per_metre

    moved = carried[0, :3, :3] @ placed(point) + carried[0, :3, 3]
    np.testing.assert_allclose(moved, placed(transform[:3, :3] @ point + transform[:3, 3]))
