from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.shelves import shelved


def test_boxes_lie_inside_and_apart() -> None:
    sides = np.random.default_rng(0).uniform(0.1, 1, (300, 2))
    corners, scale = shelved(sides, padding=0.004)
    ends = corners + sides * scale
    assert corners.min() >= 0.002 - 1e-9
    assert ends.max() <= 1 - 0.002 + 1e-9
    gap = np.maximum(corners[:, None] - ends[None], corners[None] - ends[:, None]).max(axis=2)
    assert gap[~np.eye(300, dtype=bool)].min() >= 0.004 - 1e-9
    assert (sides.prod(axis=1).sum() * scale**2) > 0.6


def test_the_scale_is_not_more_than_asked_for() -> None:
    sides = np.ones((4, 2))
    assert shelved(sides, padding=0.01)[1] == pytest.approx(0.49, abs=1e-3)
    assert shelved(sides, padding=0.01, most=0.1)[1] == 0.1


def test_gaps_that_fill_the_square_leave_no_room() -> None:
    assert shelved(np.ones((200, 2)), padding=0.2) is None
