from __future__ import annotations

from typing import get_args

import pytest

from kiln.geometry.engines import HULL_LIMITS, Engine


def test_every_engine_has_limits():
    assert set(HULL_LIMITS) == set(get_args(Engine))


@pytest.mark.parametrize("engine", get_args(Engine))
def test_what_any_engine_takes_each_takes(engine):
    assert HULL_LIMITS["any"].hulls <= HULL_LIMITS[engine].hulls and HULL_LIMITS["any"].vertices <= HULL_LIMITS[engine].vertices


def test_unitys_hulls_have_at_most_255_triangles():
    assert 2 * HULL_LIMITS["unity"].vertices - 4 <= 255
