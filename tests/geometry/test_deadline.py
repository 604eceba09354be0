from __future__ import annotations

import math

import pytest

from kiln.geometry.deadline import Deadline, OutOfTime, without_end


def test_it_raises_once_its_moment_has_passed() -> None:
    with pytest.raises(OutOfTime):
        Deadline(-1.0).keep_going()
    Deadline(60.0).keep_going()
    assert Deadline(-1.0).passed and not Deadline(math.inf).passed
    without_end()
