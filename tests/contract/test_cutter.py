"""What every cutter must do; a plugin's author runs this with the plugin installed."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Picture
from kiln.backends import registry
from kiln.backends.card import Card, Options
from kiln.backends.roles import Hints, Matte
from kiln.errors import Cancelled
from kiln.stages import Context

CARDS = [card for card in registry.cards("cutter") if card.missing() is None and not card.needs_gpu]


@pytest.fixture(params=CARDS, ids=lambda card: card.name)
def card(request: pytest.FixtureRequest) -> Card:
    return request.param


def disc(width: int = 96, height: int = 80) -> Picture:
    """A red disc of radius 28 in the middle of a grey picture."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.hypot(x - width / 2, y - height / 2) < 28
    pixels = np.where(inside[..., None], (200, 40, 30, 255), (120, 125, 130, 255)).astype(np.uint8)
    return Picture(pixels=pixels, name="disc")


def cut(card: Card, picture: Picture, hints: Hints | None = None) -> Matte:
    return card.load().cut(picture, hints or Hints(), card.options(), Context().progress)


def test_card_says_who_it_is(card: Card) -> None:
    assert card.role == "cutter"
    assert card.summary.endswith(".")
    assert card.code_licence
    assert issubclass(card.options, Options)
    assert all(field.description for field in card.options.model_fields.values())


def test_matte_has_the_pictures_size_and_holds_the_subject(card: Card) -> None:
    picture = disc()
    matte = cut(card, picture)
    assert matte.alpha.shape == (picture.height, picture.width)
    assert matte.alpha.dtype == np.uint8
    assert matte.alpha[40, 48] == 255
    assert matte.alpha[0, 0] == 0
    assert all(np.isfinite(value) for value in matte.measures.values())


def test_same_picture_gives_the_same_matte(card: Card) -> None:
    np.testing.assert_array_equal(cut(card, disc()).alpha, cut(card, disc()).alpha)


def test_nothing_outside_the_box_is_subject(card: Card) -> None:
    alpha = cut(card, disc(), Hints(box=(20, 8, 60, 72))).alpha
    assert alpha[40, 40] == 255
    assert alpha[:, 61:].max() == 0


def test_the_picture_is_not_touched(card: Card) -> None:
    picture = disc()
    before = picture.pixels.copy()
    cut(card, picture)
    np.testing.assert_array_equal(picture.pixels, before)


def test_cancelling_passes_through(card: Card) -> None:
    with pytest.raises(Cancelled):
        card.load().cut(disc(), Hints(), card.options(), Context(is_stopped=lambda: True).progress)
