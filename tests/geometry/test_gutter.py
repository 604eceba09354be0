"""Gaps between charts on small maps."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.gutter import least_gap


def chart_map(*spots: tuple[int, int], size: int = 16) -> np.ndarray:
    charts = np.full((size, size), -1, np.int32)
    for number, (row, column) in enumerate(spots):
        charts[row, column] = number
    return charts


def test_the_gap_is_the_empty_texels_between_the_nearest_two() -> None:
    assert least_gap(chart_map((2, 2), (2, 6), (12, 12))) == 3
    assert least_gap(chart_map((2, 2), (6, 5))) == pytest.approx(np.hypot(3, 2))
    assert least_gap(chart_map((2, 2), (2, 3))) == 0
    assert least_gap(chart_map((0, 15), (1, 0))) == 14, "a row's end is far from the next row's start"


def test_one_chart_or_none_has_no_gap() -> None:
    assert least_gap(chart_map((3, 3))) is None
    assert least_gap(chart_map()) is None
