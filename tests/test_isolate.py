"""A child that answers, refuses, crashes or hangs."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.errors import BackendError, PictureError, TimeLimitError
from kiln.isolate import run_isolated


def test_answers_with_arrays() -> None:
    doubled = run_isolated("numpy:multiply", np.arange(3), 2, timeout_s=30)
    assert doubled.tolist() == [0, 2, 4]


def test_prints_of_native_libraries_do_not_reach_the_answer() -> None:
    assert run_isolated("os:system", "echo noise", timeout_s=30) == 0


def test_a_hanging_child_is_stopped() -> None:
    with pytest.raises(TimeLimitError, match=r"still busy after 0\.5 s"):
        run_isolated("time:sleep", 60, timeout_s=0.5)


def test_a_crashing_child_is_a_backend_error() -> None:
    with pytest.raises(BackendError, match="exit code 7"):
        run_isolated("os:_exit", 7, timeout_s=30)


def test_a_failing_function_says_why() -> None:
    with pytest.raises(BackendError, match="ZeroDivisionError"):
        run_isolated("operator:truediv", 1, 0, timeout_s=30)


def test_our_own_errors_come_through_as_they_are() -> None:
    with pytest.raises(PictureError, match="no picture was given"):
        run_isolated("kiln.stages.generate:refuse_equal_views", (), timeout_s=30)
