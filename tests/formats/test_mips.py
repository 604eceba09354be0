from __future__ import annotations

import numpy as np

from kiln.formats.mips import mip_chain


def test_levels_halve_down_to_one_texel() -> None:
    levels = list(mip_chain(np.zeros((12, 40, 3), np.uint8), srgb=True))
    assert [level.shape[:2] for level in levels] == [(12, 40), (6, 20), (3, 10), (1, 5), (1, 2), (1, 1)]


def test_colour_is_averaged_as_light_and_data_as_numbers() -> None:
    """Half the texels white, half black: half the light is sRGB 188."""
    board = np.indices((4, 4)).sum(axis=0) % 2 * np.uint8(255)
    board = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    assert [np.unique(level).tolist() for level in mip_chain(board, srgb=True)][1:] == [[188], [188]]
    assert [np.unique(level).tolist() for level in mip_chain(board, srgb=False)][1:] == [[128], [128]]


def test_what_is_invisible_does_not_bleed_in() -> None:
    red, blue = (255, 0, 0, 255), (0, 0, 255, 0)
    (_, small) = mip_chain(np.uint8([[red, blue], [blue, red]]), srgb=True)
    assert small.tolist() == [[[255, 0, 0, 128]]]


def test_colour_survives_where_all_is_invisible() -> None:
    (_, small) = mip_chain(np.full((2, 2, 4), (200, 100, 50, 0), np.uint8), srgb=True)
    assert small.tolist() == [[[200, 100, 50, 0]]]


def test_normals_stay_unit_vectors() -> None:
    """Two slopes of 45 degrees, left and right, average to a plane whose normal points straight up."""
    slope = round(127.5 + 127.5 * 0.5**0.5)
    left, right = (255 - slope, 128, slope), (slope, 128, slope)
    (_, small) = mip_chain(np.uint8([[left, right], [left, right]]), srgb=False, normal=True)
    assert np.allclose(small, (128, 128, 255), atol=1)
