"""Filling beyond islands, against a search through all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.imaging.dilate import fill_beyond, nearest_covered


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


def test_every_map_is_filled_from_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    covered = np.random.default_rng(1).random((23, 31)) < 0.05
    index = nearest_covered(covered)
    maps = [np.random.default_rng(k).integers(0, 60000, (23, 31, *shape)).astype(np.uint16) for k, shape in enumerate([(3,), ()])]
    wanted = [texels.reshape(23 * 31, -1)[index].reshape(texels.shape) for texels in maps]
    monkeypatch.setattr("kiln.imaging.dilate._BAND", 62)
    fill_beyond(covered, maps)
    assert all(np.array_equal(found, want) for found, want in zip(maps, wanted, strict=True))


def test_where_nothing_is_covered_nothing_changes() -> None:
    texels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    fill_beyond(np.zeros((4, 5), bool), [texels])
    assert np.array_equal(texels.reshape(-1), np.arange(20))
