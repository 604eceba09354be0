from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.asset import Picture
from kiln.backends.classic import ClassicOptions
from kiln.backends.classic.background import fit_background
from kiln.backends.classic.cutter import ClassicCutter
from kiln.backends.roles import Hints
from kiln.errors import CutoutError

SIZE = 256
Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float32) + 0.5


def ring(outer: float = 80, inner: float = 35) -> np.ndarray:
    """Antialiased alpha of a ring in the middle of the picture."""
    away = np.hypot(X - SIZE / 2, Y - SIZE / 2)
    return np.clip(np.minimum(outer - away, away - inner) + 0.5, 0, 1)


def backgrounds() -> dict[str, np.ndarray]:
    plain = np.ones((SIZE, SIZE, 3), np.float32)
    share = ((X + Y) / (2 * SIZE))[..., None]
    vignette = 1 - 0.8 * (((X - 128) / SIZE) ** 2 + ((Y - 128) / SIZE) ** 2)[..., None]
    return {
        "white": plain * 255,
        "grey": plain * 128,
        "gradient": (1 - share) * np.float32([50, 60, 110]) + share * np.float32([210, 200, 180]),
        "noisy": plain * 150 + np.random.default_rng(1).normal(0, 8, plain.shape).astype(np.float32),
        "green": plain * np.float32([40, 170, 70]),
        "vignette": vignette * np.float32([90, 80, 100]),
        "floor": np.where((Y > 200)[..., None], np.float32([120, 100, 90]), np.float32([180, 185, 190])),
    }


def over(alpha: np.ndarray, background: np.ndarray, color: tuple[int, ...] = (200, 60, 30)) -> Picture:
    shade = (0.75 + 0.25 * np.sin(X / 9) * np.cos(Y / 7))[..., None]
    shown = alpha[..., None] * np.float32(color) * shade + (1 - alpha[..., None]) * background
    opaque = np.full((SIZE, SIZE), 255.0)
    return Picture(pixels=np.round(np.clip(np.dstack([shown, opaque]), 0, 255)).astype(np.uint8), name="ring")


def cut(picture: Picture, **hints: object) -> np.ndarray:
    return ClassicCutter().cut(picture, Hints(**hints), ClassicOptions(), lambda share, words: None).alpha


def overlap(alpha: np.ndarray, truth: np.ndarray) -> float:
    found, true = alpha > 127, truth > 0.5
    return np.count_nonzero(found & true) / np.count_nonzero(found | true)


@pytest.mark.parametrize("name", backgrounds())
def test_a_ring_is_cut_from_any_background_with_its_hole(name: str) -> None:
    truth = ring()
    alpha = cut(over(truth, backgrounds()[name]))
    assert overlap(alpha, truth) > 0.98
    assert np.abs(alpha / 255 - truth).mean() < 0.004


def test_a_soft_shadow_is_background() -> None:
    truth = ring(inner=-1)
    shadow = 1 - 0.4 * np.exp(-(((X - 150) / 70) ** 2) - ((Y - 205) / 18) ** 2)
    assert overlap(cut(over(truth, backgrounds()["white"] * shadow[..., None])), truth) > 0.98


def test_shaded_white_on_white_survives() -> None:
    truth = ring(inner=-1)
    ball = 0.98 - 0.25 * ((X - 120) ** 2 + (Y - 120) ** 2) / 80**2
    shown = truth[..., None] * ball[..., None] * np.float32([250, 248, 244]) + (1 - truth[..., None]) * 255
    picture = Picture(pixels=np.dstack([shown, np.full((SIZE, SIZE), 255)]).astype(np.uint8), name="ball")
    assert overlap(cut(picture), truth) > 0.97


def test_a_subject_that_touches_the_border_is_kept_whole() -> None:
    truth = np.clip(60 - np.abs(X - 128) + 0.5, 0, 1) * (Y > 90)
    assert overlap(cut(over(truth, backgrounds()["gradient"])), truth) > 0.98


def test_a_picture_without_a_subject_is_refused() -> None:
    with pytest.raises(CutoutError, match="nothing stands out"):
        cut(over(np.zeros((SIZE, SIZE)), backgrounds()["gradient"]))


def test_hints_are_hard() -> None:
    picture = over(ring(inner=-1), backgrounds()["grey"])
    strokes = np.zeros((SIZE, SIZE), bool)
    strokes[20:30, 20:30] = True
    alpha = cut(picture, foreground=np.float32([[240, 240]]), background=np.float32([[128, 128]]), scribble_foreground=strokes)
    assert alpha[240, 240] == 255
    assert alpha[128, 128] == 0
    assert alpha[25, 25] == 255


def test_a_box_leaves_the_other_subject_out() -> None:
    two = np.maximum(np.clip(40 - np.hypot(X - 70, Y - 128), 0, 1), np.clip(40 - np.hypot(X - 190, Y - 128), 0, 1))
    alpha = cut(over(two, backgrounds()["grey"]), box=(20.0, 60.0, 125.0, 200.0))
    assert overlap(alpha, two * (X < 125)) > 0.97


def test_a_real_matte_is_used_as_it_is_without_dust() -> None:
    matte = np.round(ring() * 255).astype(np.uint8)
    dusty = matte.copy()
    dusty[5, 5:8] = 200
    dusty[100:140, 2:40] = np.maximum(dusty[100:140, 2:40], 2)
    pixels = np.dstack([np.full((SIZE, SIZE, 3), 90, np.uint8), dusty])
    alpha = cut(Picture(pixels=pixels, name="ring", has_matte=True))
    assert np.abs(alpha.astype(int) - matte).max() < 4


def test_a_ghost_is_made_opaque() -> None:
    pixels = np.dstack([np.full((SIZE, SIZE, 3), 90, np.uint8), np.round(ring() * 90).astype(np.uint8)])
    alpha = cut(Picture(pixels=pixels, name="ghost", has_matte=True))
    assert overlap(alpha, ring()) > 0.99


def test_background_field_goes_on_behind_the_subject() -> None:
    field = backgrounds()["gradient"] / np.float32(255)
    picture = over(ring(inner=-1), backgrounds()["gradient"]).pixels[..., :3] * np.float32(1 / 255)
    nothing = np.zeros((SIZE, SIZE), bool)
    found = fit_background(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab), known=nothing, barred=nothing)
    assert np.linalg.norm(found.field - cv2.cvtColor(field, cv2.COLOR_RGB2Lab), axis=2).max() < 4
    assert not (found.grown & (ring(inner=-1) > 0.9)).any()


def test_more_sensitive_keeps_more_of_what_resembles_the_background() -> None:
    fading = np.clip(ring(inner=-1) * (1 - 0.9 * (X / SIZE)), 0, 1)  # melts into the grey towards the right
    picture = over(fading, backgrounds()["grey"])
    areas = [
        np.count_nonzero(ClassicCutter().cut(picture, Hints(), ClassicOptions(sensitivity=s), lambda share, words: None).alpha > 127)
        for s in (0.5, 1.0, 3.0)
    ]
    assert areas == sorted(areas)
    assert areas[0] < 0.9 * areas[2]
