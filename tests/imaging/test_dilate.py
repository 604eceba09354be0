"""Filling beyond islands, against a search through all pairs."""

from __future__ import annotations

import numpy as np

from kiln.imaging.dilate import nearest_covered


def test_every_texel_takes_its_nearest_covered_one() -> None:
    covered = np.random.default_rng(0).random((23, 31)) < 0.03
    index = nearest_covered(covered)
    rows, columns = np.nonzero(covered)
    y, x = np.indices(covered.shape)
    least = np.hypot(y[..., None] - rows, x[..., None] - columns).min(axis=-1)
    taken = np.hypot(y - index // 31, x - index % 31)
    assert covered.reshape(-1)[index].all()
    assert np.array_equal(index[covered], np.flatnonzero(covered))
    assert (taken <= least * 1.03 + 1e-6).all()


def test_nothing_covered_gives_a_valid_index() -> None:
    assert not nearest_covered(np.zeros((4, 5), bool)).any()
