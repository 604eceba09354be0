from __future__ import annotations

import math

import numpy as np
import pytest

from kiln.geometry.switch import GODOT_FOV_DEGREES, UNITY_FOV_DEGREES, UNREAL_FOV_DEGREES, switch_sizes
from shapes import cube


def pixels(error: float, distance: float, fov_degrees: float) -> float:
    """What a length covers of a screen 1080 pixels high."""
    return error * 1080 / (2 * distance * math.tan(math.radians(fov_degrees) / 2))


@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.1])
def test_where_a_lod_takes_over_it_is_one_pixel_off_at_the_near_side(deviation):
    box, radius = cube(2.0), math.sqrt(3)
    error = deviation * box.diagonal
    sizes = switch_sizes(box, deviation)
    assert pixels(error, sizes.godot_metres - radius, GODOT_FOV_DEGREES) == pytest.approx(1)
    unreal = radius / (sizes.unreal_screen_size * math.tan(math.radians(UNREAL_FOV_DEGREES) / 2))
    assert pixels(error, unreal - radius, UNREAL_FOV_DEGREES) == pytest.approx(1)
    unity = 1.0 / (sizes.unity_height * math.tan(math.radians(UNITY_FOV_DEGREES) / 2))
    assert pixels(error, unity - radius, UNITY_FOV_DEGREES) == pytest.approx(1)


def test_shares_of_the_screen_do_not_depend_on_the_size_nor_on_the_place():
    small, large = (switch_sizes(cube(size).moved(offset=np.array([9, 0, 0], np.float32)), 0.01) for size in (0.5, 50))
    assert small.unreal_screen_size == pytest.approx(large.unreal_screen_size, rel=1e-5)
    assert small.unity_height == pytest.approx(large.unity_height, rel=1e-5)
    assert 100 * small.godot_metres == pytest.approx(large.godot_metres, rel=1e-5)


def test_a_farther_lod_takes_over_later_and_a_perfect_one_at_once():
    near, far, perfect = (switch_sizes(cube(), deviation) for deviation in (0.01, 0.02, 0.0))
    assert (
        near.godot_metres < far.godot_metres and near.unreal_screen_size > far.unreal_screen_size and near.unity_height > far.unity_height
    )
    assert perfect.unity_height <= 1 and perfect.godot_metres == pytest.approx(math.sqrt(3) / 2)
