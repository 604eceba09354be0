from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Picture
from kiln.asset.conventions import View
from kiln.backends.silhouette.align import align_views

GREEN, RED, BLUE = (30, 160, 40), (200, 30, 30), (20, 40, 220)


def figure(
    view: View = "front", *, arm: bool = True, scale: int = 1, colors: tuple[tuple[int, int, int], ...] = (RED, GREEN, BLUE)
) -> Picture:
    """A body of three colours, 80 pixels tall, with one arm to the left of the picture."""
    pixels = np.zeros((120, 120, 4), np.uint8)
    for top, color in zip((20, 45, 70), colors, strict=True):
        pixels[top : top + 30, 45:75] = (*color, 255)
    if arm:
        pixels[50:60, 20:45] = (*colors[1], 255)
    return Picture(pixels=pixels.repeat(scale, 0).repeat(scale, 1), name=view, view=view, has_matte=True)


def mirrored(picture: Picture, view: View, *, columns: int = 0) -> Picture:
    pixels = np.roll(picture.pixels[:, ::-1], columns, axis=1)
    return Picture(pixels=np.ascontiguousarray(pixels), name=view, view=view, has_matte=True)


def test_views_are_as_tall_whatever_their_pixels() -> None:
    front, left = align_views((figure("front"), figure("left", scale=3))).views
    assert front.frame.metres_per_pixel == pytest.approx(1 / 80)
    assert left.frame.metres_per_pixel == pytest.approx(1 / 240)
    assert (front.azimuth_degrees, left.azimuth_degrees) == (0, 90)
    assert (front.frame.bottom, left.frame.bottom) == (100, 300)


def test_opposite_views_lie_over_each_other_by_outline_not_by_box() -> None:
    """The back picture lacks the arm, so its box is centred elsewhere; the trunks must still meet."""
    front, back = figure("front"), mirrored(figure("back", arm=False), "back", columns=7)
    alignment = align_views((front, back))
    placed_front, placed_back = alignment.views
    trunk_x = (60 - placed_front.frame.middle) * placed_front.frame.metres_per_pixel
    trunk_x_behind = (67 - placed_back.frame.middle) * placed_back.frame.metres_per_pixel
    assert trunk_x == pytest.approx(-trunk_x_behind, abs=1 / 128)
    assert alignment.overlap == pytest.approx(2400 / 2650, abs=0.02)
    assert any("overlap by 9" in note for note in alignment.notes)


def test_views_that_disagree_warn_with_a_number() -> None:
    other = Picture(pixels=figure("back").pixels.transpose(1, 0, 2).copy(), name="back", view="back", has_matte=True)
    alignment = align_views((figure("front"), other))
    assert alignment.overlap < 0.8
    assert any(note.startswith("warning") and "%" in note for note in alignment.notes)


def test_views_without_a_common_colour_warn() -> None:
    strange = figure("left", colors=((250, 240, 30), (240, 30, 240), (30, 240, 240)))
    notes = align_views((figure("front"), strange)).notes
    assert any(note.startswith("warning") and "colours" in note for note in notes)


def test_agreeing_views_do_not_warn() -> None:
    notes = align_views((figure("front"), figure("left"), mirrored(figure("front"), "back"))).notes
    assert not any(note.startswith("warning") for note in notes)


def test_a_view_cut_off_by_its_border_is_fitted_by_colour() -> None:
    """The left picture ends 15 pixels above the feet: its box is shorter, but its colours say at what height they are."""
    whole = figure("left")
    cut = Picture(pixels=np.ascontiguousarray(whole.pixels[:92]), name="left", view="left", has_matte=True)
    alignment = align_views((figure("front"), cut))
    frame = alignment.views[1].frame
    assert frame.metres_per_pixel == pytest.approx(1 / 80, rel=0.03)
    assert frame.bottom == pytest.approx(100, abs=3)
    assert any("cut off" in note for note in alignment.notes)


def test_views_along_one_axis_say_that_the_depth_is_a_guess() -> None:
    front, back = figure("front"), mirrored(figure("front"), "back")
    assert any("depth is a guess" in note for note in align_views((front, back)).notes)
    assert not any("depth is a guess" in note for note in align_views((front, figure("left"))).notes)
