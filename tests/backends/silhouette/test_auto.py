"""auto: each kind of subject goes where it belongs, for a reason with numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.asset import Picture
from kiln.backends.silhouette.auto import Choice, choose
from kiln.backends.silhouette.outline import trace_outline

STEEL, WOOD, RED, CREAM = (168, 172, 180), (150, 100, 60), (190, 40, 40), (230, 220, 200)


def canvas() -> np.ndarray:
    return np.zeros((240, 240, 4), np.uint8)


def polygon(image: np.ndarray, color: tuple[int, ...], *points: tuple[int, int]) -> None:
    cv2.fillPoly(image, [np.array(points, np.int32)], (*color, 255), cv2.LINE_AA)


def rectangle(image: np.ndarray, color: tuple[int, ...], x0: int, y0: int, x1: int, y1: int) -> None:
    polygon(image, color, (x0, y0), (x1, y0), (x1, y1), (x0, y1))


def disc(image: np.ndarray, color: tuple[int, ...], x: int, y: int, radius: int) -> None:
    cv2.circle(image, (x, y), radius, (*color, 255), -1, cv2.LINE_AA)


def bottle() -> np.ndarray:
    image = canvas()
    rectangle(image, WOOD, 105, 10, 135, 40)
    rectangle(image, (80, 150, 200), 102, 40, 138, 120)
    disc(image, (80, 150, 200), 120, 165, 60)
    return image


def toadstool() -> np.ndarray:
    image = canvas()
    rectangle(image, CREAM, 98, 110, 142, 225)
    cv2.ellipse(image, (120, 120), (95, 95), 0, 180, 360, (*RED, 255), -1, cv2.LINE_AA)
    return image


def mug() -> np.ndarray:
    image = canvas()
    cv2.ellipse(image, (160, 120), (45, 50), 0, 0, 360, (*STEEL, 255), 16, cv2.LINE_AA)
    rectangle(image, STEEL, 50, 40, 160, 210)
    return image


def sword() -> np.ndarray:
    image = canvas()
    polygon(image, STEEL, (120, 8), (128, 30), (128, 165), (112, 165), (112, 30))
    rectangle(image, (210, 170, 60), 88, 165, 152, 174)
    rectangle(image, WOOD, 115, 174, 125, 228)
    return image


def tilted_sword() -> np.ndarray:
    return cv2.warpAffine(sword(), cv2.getRotationMatrix2D((120, 120), -40, 1.0), (240, 240))


def shield() -> np.ndarray:
    image = canvas()
    polygon(image, RED, (45, 25), (120, 15), (195, 25), (195, 110), (175, 165), (120, 225), (65, 165), (45, 110))
    return image


def round_shield() -> np.ndarray:
    image = canvas()
    for color, radius in ((STEEL, 105), (WOOD, 90), (STEEL, 30)):
        disc(image, color, 120, 120, radius)
    return image


def sign() -> np.ndarray:
    image = canvas()
    rectangle(image, WOOD, 113, 90, 127, 230)
    rectangle(image, WOOD, 40, 20, 200, 105)
    return image


def ball() -> np.ndarray:
    image = canvas()
    disc(image, RED, 120, 120, 100)
    return image


def person() -> np.ndarray:
    image = canvas()
    disc(image, CREAM, 120, 40, 28)
    disc(image, RED, 120, 115, 48)
    rectangle(image, RED, 25, 85, 215, 110)
    for x in (85, 130):
        rectangle(image, WOOD, x, 140, x + 25, 230)
    return image


def crate_from_its_corner() -> np.ndarray:
    image = canvas()
    polygon(image, WOOD, (120, 10), (215, 60), (215, 175), (120, 230), (25, 175), (25, 60))
    polygon(image, (90, 60, 40), (25, 60), (120, 110), (120, 230), (25, 175))
    return image


def hammer() -> np.ndarray:
    image = canvas()
    rectangle(image, WOOD, 114, 60, 126, 235)
    rectangle(image, STEEL, 75, 15, 165, 65)
    return image


def ring() -> np.ndarray:
    image = canvas()
    cv2.circle(image, (120, 120), 90, (*STEEL, 255), 30, cv2.LINE_AA)
    return image


def chosen(image: np.ndarray) -> Choice:
    return choose(trace_outline(image[..., 3]), Picture(pixels=image, name="subject"))


@pytest.mark.parametrize(
    ("method", "subject"),
    [
        *(("lathe", subject) for subject in (bottle, toadstool, mug, ball)),
        *(("extrude", subject) for subject in (sword, tilted_sword, shield, round_shield, sign)),
        *(("inflate", subject) for subject in (person, crate_from_its_corner, hammer, ring)),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_picks(method: str, subject: object) -> None:
    choice = chosen(subject())  # type: ignore[operator]
    assert choice.method == method, choice.reason
    assert "%" in choice.reason or "Lab" in choice.reason


def test_shields_are_curved_and_swords_are_not() -> None:
    assert chosen(shield()).curved
    assert chosen(round_shield()).curved
    assert not chosen(sword()).curved


def test_a_line_one_pixel_wide_can_be_measured() -> None:
    image = canvas()
    image[100, 20:200] = 255
    assert chosen(image).method == "inflate"
