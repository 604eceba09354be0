from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kiln.errors import TimeLimitError
from kiln.geometry import hulls
from kiln.geometry.convex import hull_volume
from kiln.geometry.hulls import Budget, decompose
from kiln.isolate import run_isolated
from shapes import cube

BUDGET = Budget(hulls=8, vertices=32, triangles=80)


def aborts(*_: object, **__: object) -> None:
    """What a failed assertion in native code does."""
    os.abort()


def test_a_convex_body_is_one_part():
    positions = cube().positions.astype(np.float64)
    parts = run_isolated(
        "kiln.geometry.coacd_child:decompose", positions, cube().triangles.astype(np.int32), concavity=0.06, most=8, timeout_s=30
    )
    assert [hull_volume(part) for part in parts] == pytest.approx([1], rel=1e-3)


def test_a_child_that_aborts_is_done_without_and_reported(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)  # where the child, too, finds this module
    monkeypatch.setattr(hulls, "_COACD", f"{Path(__file__).stem}:aborts")
    made = decompose(cube(), budget=BUDGET, method="best", time_limit_s=20.0)
    assert len(made.hulls) == 1 and "crashed in its own process" in made.fallback and made.fallback.endswith("cut without it")


def test_a_child_that_hangs_is_done_without(monkeypatch):
    def too_long(*_: object, **__: object) -> None:
        raise TimeLimitError("still busy")

    monkeypatch.setattr(hulls, "run_isolated", too_long)
    assert decompose(cube(), budget=BUDGET, method="coacd", time_limit_s=20.0).fallback.startswith("still busy")
