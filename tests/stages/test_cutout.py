from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from kiln.asset import FileRecord, Picture
from kiln.errors import CutoutError
from kiln.stages import Context, find
from kiln.stages.cutout import CutoutParams, cutout, refuse_useless


def scene(size: int = 96) -> Picture:
    """A red disc of radius 24 on grey."""
    y, x = np.mgrid[:size, :size] + 0.5
    share = np.clip(24 - np.hypot(x - size / 2, y - size / 2) + 0.5, 0, 1)[..., None]
    colors = share * (200, 40, 30) + (1 - share) * (120, 125, 130)
    return Picture(
        pixels=np.round(np.dstack([colors, np.full((size, size), 255)])).astype(np.uint8),
        name="disc",
        file=FileRecord(name="disc.png", sha256="abc", size=1),
    )


def saved(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_it_is_a_stage() -> None:
    assert find("cutout") is cutout
    assert cutout.takes is Picture
    assert cutout.gives is Picture


def test_subject_is_cut_cropped_and_clean() -> None:
    context = Context()
    result = cutout(scene(), CutoutParams(margin=0.1), context)
    assert result.has_matte
    assert result.name == "disc"
    assert result.file is not None and result.file.sha256 == "abc"
    assert abs(result.width - (49 + 2 * 5)) <= 2
    assert np.abs(result.pixels[result.alpha > 0, :3].astype(int) - (200, 40, 30)).max() <= 8
    measures = context.measures
    assert measures["coverage"] == pytest.approx(np.pi * 24**2 / 96**2, rel=0.03)
    assert (measures["border_touch"], measures["components"], measures["largest_component"]) == (0, 1, 1)
    assert any("cut to" in note for note in context.notes)


def test_a_real_matte_keeps_its_alpha() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[10:50, 20:40] = (10, 200, 30, 255)
    pixels[10:50, 19] = (10, 200, 30, 100)
    result = cutout(Picture(pixels=pixels, name="bar", has_matte=True), margin=0.0)
    np.testing.assert_array_equal(result.alpha[2:-2, 2:-2], pixels[10:50, 19:40, 3])
    assert (result.pixels[..., :3] == (10, 200, 30)).all()


def test_points_and_box_may_be_strings_or_numbers() -> None:
    typed = CutoutParams.model_validate({"foreground": "10,20; 30,40.5", "box": "1,2,3,4"})
    assert typed.foreground == ((10, 20), (30, 40.5))
    assert typed.box == (1, 2, 3, 4)
    assert CutoutParams(foreground=[[10, 20], [30, 40.5]], box=[1, 2, 3, 4]) == typed
    for wrong in ({"foreground": "10"}, {"box": "1,2,3"}, {"background": "a,b"}):
        with pytest.raises(ValidationError):
            CutoutParams.model_validate(wrong)


def test_cutters_options_stand_beside_the_stages() -> None:
    assert CutoutParams(backend="classic", sensitivity=2.0).options.sensitivity == 2.0
    with pytest.raises(ValidationError):
        CutoutParams(backend="classic", sensitivty=2.0)


@pytest.mark.parametrize(
    ("hints", "words"),
    [
        ({"foreground": "500,20"}, "outside the picture"),
        ({"background": "-1,2"}, "outside the picture"),
        ({"box": "200,0,300,50"}, "holds"),
    ],
)
def test_hints_off_the_picture_are_refused(hints: dict[str, str], words: str) -> None:
    with pytest.raises(CutoutError, match=words):
        cutout(scene(), CutoutParams.model_validate(hints))


def test_a_mask_is_used_as_given(tmp_path: Path) -> None:
    mask = np.zeros((48, 48), np.uint8)  # half the picture's size
    mask[10:30, 15:35] = 255
    result = cutout(scene(), mask=saved(tmp_path / "mask.png", mask), margin=0.0)
    assert (result.alpha > 127).sum() == pytest.approx(40 * 40, rel=0.05)


def test_scribbles_decide(tmp_path: Path) -> None:
    pixels = scene().pixels.copy()
    pixels[40:70, 80:94] = (30, 60, 200, 255)  # something else in the picture
    both = Picture(pixels=pixels, name="both")
    strokes = np.zeros((96, 96, 4), np.uint8)
    strokes[50:60, 85:89] = (255, 0, 0, 255)
    strokes[44:52, 44:52] = (0, 255, 0, 255)
    assert cutout(both, margin=0.0).width == pytest.approx(94 - 24, abs=6)
    assert cutout(both, scribble=saved(tmp_path / "strokes.png", strokes), margin=0.0).width == pytest.approx(48, abs=6)


def test_useless_scribbles_and_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CutoutError, match="no strokes"):
        cutout(scene(), scribble=saved(tmp_path / "none.png", np.zeros((96, 96, 4), np.uint8)))
    with pytest.raises(CutoutError, match="same shape"):
        cutout(scene(), mask=saved(tmp_path / "wide.png", np.zeros((30, 96), np.uint8)))
    with pytest.raises(CutoutError, match="no subject"):
        cutout(scene(), mask=saved(tmp_path / "black.png", np.zeros((96, 96), np.uint8)))


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (np.zeros((50, 50), np.uint8), "nothing stands out"),
        (np.full((50, 50), 255, np.uint8), "whole picture"),
        (np.pad(np.full((4, 9), 255, np.uint8), 20), "only 9 x 4"),
    ],
)
def test_useless_mattes_are_refused_with_the_cure(alpha: np.ndarray, words: str) -> None:
    with pytest.raises(CutoutError, match=words) as raised:
        refuse_useless(alpha)
    assert "--box" in str(raised.value)


def test_doubts_are_said() -> None:
    pixels = scene().pixels.copy()
    pixels[20:, :30] = (20, 30, 200, 255)
    context = Context()
    cutout(Picture(pixels=pixels, name="cut off"), CutoutParams(foreground=((10, 48),)), context)
    assert any("touches" in note for note in context.notes)
