from __future__ import annotations

import numpy as np
import pytest

from kiln.kernels import uastc_tables as tables


@pytest.mark.parametrize(("row", "levels"), [(0, 16), (1, 40), (2, 48), (3, 160), (4, 192), (5, 256)])
def test_endpoints_reach_from_0_to_255(row: int, levels: int) -> None:
    values = np.sort(tables.ENDPOINT_VALUES[row, :levels])
    assert (values[0], values[-1]) == (0, 255)
    assert np.array_equal(values, 255 - values[::-1])
    assert (np.diff(values) > 0).all()
    nearest = np.abs(values[:, None] - np.arange(256)).min(axis=0)
    assert np.array_equal(np.abs(tables.ENDPOINT_VALUES[row][tables.ENDPOINT_CODES[row]] - np.arange(256)), nearest)


def test_weights_are_astcs() -> None:
    assert tables.WEIGHTS[3, :8].tolist() == [0, 9, 18, 27, 37, 46, 55, 64]
    assert tables.WEIGHTS[4].tolist() == [0, 4, 8, 12, 17, 21, 25, 29, 35, 39, 43, 47, 52, 56, 60, 64]


def test_patterns_differ_and_their_anchors_are_their_first_texels() -> None:
    assert len(np.unique(tables.PATTERNS, axis=0)) == 30
    for pattern, anchors in zip(tables.PATTERNS.tolist(), tables.ANCHORS.tolist(), strict=True):
        assert anchors == [pattern.index(0), pattern.index(1)]
