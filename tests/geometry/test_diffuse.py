"""Harmonic functions are means of their neighbours and stay within their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry import diffuse
from kiln.geometry.diffuse import blocks_of, harmonic_fill


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs and cells of side x side nodes."""
    number = np.arange(side * side, dtype=np.int32).reshape(side, side)
    pairs = [np.stack([a.ravel(), b.ravel()], axis=1) for a, b in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))]
    row, column = np.divmod(np.arange(side * side), side)
    return np.concatenate(pairs), np.stack([np.zeros_like(row), row, column], axis=1)


def test_a_line_between_two_ends_is_straight() -> None:
    pairs = np.array([(0, 1), (1, 2), (2, 3)], np.int32)
    cells = np.array([(0, 0, k) for k in range(4)])
    filled = harmonic_fill(np.array([[0], [9], [9], [3]], np.float32), np.array([True, False, False, True]), pairs, cells=cells)
    assert filled[:, 0] == pytest.approx([0, 1, 2, 3], abs=1e-5)


def test_the_multigrid_gives_what_the_direct_solver_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, cells = grid(64)
    rim = (cells[:, 1:] % 63 == 0).any(axis=1)
    values = np.where(rim, np.sin(cells[:, 1] / 9) + cells[:, 2] / 40, 0)[:, None].astype(np.float32)
    exact = harmonic_fill(values, rim, pairs, cells=cells)
    monkeypatch.setattr(diffuse, "_DIRECT", 1000)
    quick = harmonic_fill(values, rim, pairs, cells=cells)
    assert np.abs(quick - exact).max() < 0.2, "next to the rim, where blocks mix most; values span 3.2"
    assert np.abs(quick - exact).mean() < 0.03
    assert values.min() <= quick.min() <= quick.max() <= values.max(), "no value lies beyond the known ones"
    assert np.array_equal(quick[rim], values[rim])


def test_what_is_joined_to_nothing_known_keeps_its_mean() -> None:
    pairs = np.array([(0, 1), (2, 3)], np.int32)
    cells = np.array([(0, 0, 0), (0, 0, 1), (1, 0, 4), (1, 0, 5)])
    known = np.array([True, False, False, False])
    filled = harmonic_fill(np.array([[5], [0], [2], [4]], np.float32), known, pairs, cells=cells)
    assert filled[:, 0] == pytest.approx([5, 5, 3, 3], abs=1e-3)


@pytest.mark.parametrize("known", [True, False])
def test_nothing_to_fill_and_nothing_to_fill_from_change_nothing(known: bool) -> None:
    values = np.array([[1], [2]], np.float32)
    assert np.array_equal(harmonic_fill(values, np.full(2, known), np.array([(0, 1)], np.int32), cells=np.zeros((2, 3), np.int64)), values)


def test_blocks_are_numbered_in_the_order_of_their_cells() -> None:
    first, block = blocks_of(np.array([(1, 0, 0), (0, 2, 2), (1, 0, 0)]))
    assert first.tolist() == [1, 0]
    assert block.tolist() == [1, 0, 1]
