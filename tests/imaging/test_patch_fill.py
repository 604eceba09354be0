"""Detail is carried over with its contrast, and only to what is like it."""

from __future__ import annotations

import numpy as np

from kiln.imaging.patch_fill import PATCH, quilt, swatch

SIDE = 512
INSIDE = np.ones((SIDE, SIDE), bool)


def halves() -> tuple[np.ndarray, np.ndarray]:
    """Left half known: above dark stripes, below bright and plain. Right half guessed: the same colours without stripes."""
    color = np.full((SIDE, SIDE, 3), 60, np.float32)
    color[SIDE // 2 :] = 200
    known = np.zeros((SIDE, SIDE), bool)
    known[:, : SIDE // 2] = True
    stripes = 20 * np.sign(np.sin(np.arange(SIDE) * 2 * np.pi / 8))
    color[: SIDE // 2, : SIDE // 2] += stripes[None, : SIDE // 2, None].astype(np.float32)
    return color, known


def test_stripes_go_on_where_their_colour_does_and_nowhere_else() -> None:
    color, known = halves()
    added = quilt(color, inside=INSIDE, wanted=~known, swatches=(swatch(color, inside=INSIDE, usable=known),))
    dark = added[PATCH : SIDE // 2 - PATCH, SIDE // 2 + PATCH : -PATCH]
    plain = added[SIDE // 2 + PATCH : -PATCH, SIDE // 2 + PATCH : -PATCH]
    assert 10 < dark.std() < 25
    assert abs(dark.mean()) < 2
    assert plain.std() < 1
    along, across = np.abs(np.diff(dark, axis=0)).mean(), np.abs(np.diff(dark, axis=1)).mean()
    assert along < 0.1 * across, "stripes stay upright"


def test_the_same_pictures_give_the_same_detail() -> None:
    color, known = halves()
    source = swatch(color, inside=INSIDE, usable=known)
    first, second = (quilt(color, inside=INSIDE, wanted=~known, swatches=(source,)) for _ in range(2))
    assert np.array_equal(first, second)


def test_nothing_wanted_is_nothing_added() -> None:
    color, known = halves()
    assert not quilt(color, inside=INSIDE, wanted=~INSIDE, swatches=(swatch(color, inside=INSIDE, usable=known),)).any()
