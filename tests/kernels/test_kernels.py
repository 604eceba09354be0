"""Kernels against their slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from kiln import kernels, settings
from kiln.kernels.weld import first_equal_row


def test_equal_rows_agree_with_numpy() -> None:
    rows = np.random.default_rng(0).integers(0, 5, (500, 3)).astype(np.uint32)
    classes = np.empty(500, np.int64)
    count = first_equal_row(rows, classes, np.full(2048, -1, np.int64))
    _, first, expected = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))  # numpy numbers classes by value, the kernel by appearance
    assert count == len(first)
    assert np.array_equal(classes, order[expected.ravel()])


@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("count", [0, 1, 4, 1000])
def test_threads_share_everything_once(threads: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_THREADS", threads)
    visits = np.zeros(count, int)

    def visit(first: int, last: int) -> None:
        visits[first:last] += 1

    kernels.in_threads(visit, count)
    assert (visits == 1).all()


def test_threads_can_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_THREADS", "3")
    assert settings.threads() == 3
    monkeypatch.setenv("KILN_THREADS", "nonsense")
    assert settings.threads() >= 1
