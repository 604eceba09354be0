"""Limits: read from data, and kept."""

from __future__ import annotations

import pytest

from kiln.errors import RecipeError, SetupError, TimeLimitError
from kiln.pipeline.watch import Limits, peak_gigabytes, read_limits


def test_time_and_memory_are_watched() -> None:
    limits = Limits(stage_seconds=2.0)
    limits.check("bake", seconds=1.9)
    with pytest.raises(TimeLimitError, match="bake was still busy after 2 s"):
        limits.check("bake", seconds=2.1)
    with pytest.raises(SetupError, match=r"more than the 0.01 GB"):
        Limits(memory_gb=0.01).check("bake", seconds=0.0)
    assert 0.02 < peak_gigabytes() < 100


def test_what_is_left_out_is_as_usual() -> None:
    assert read_limits({}) == Limits()
    assert read_limits({"stage_seconds": 5}, usual=Limits(memory_gb=3.0)) == Limits(stage_seconds=5, memory_gb=3.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"stage_second": 3}, "did you mean 'stage_seconds'"),
        ({"stage_seconds": 0}, "above 0"),
        ({"stage_seconds": "long"}, "above 0"),
        ({"memory_gb": True}, "above 0"),
        ([], "must be a table"),
    ],
)
def test_wrong_limits_are_refused(data: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_limits(data)
