"""The second line of limits: it lets the far lane keep its own, and ends what nobody hears of any more."""

from __future__ import annotations

import time

import pytest

from kiln.errors import TimeLimitError
from kiln.jobs.executors.far_watch import FarWatch
from kiln.jobs.executors.interface import CallLimits
from lanes import a_call


def test_the_second_line_waits_longer_than_the_first() -> None:
    limits = CallLimits(seconds=0.01, grace_seconds=0.01, wait_seconds=10.0)
    watch = FarWatch(a_call("noop", limits=limits), start_seconds=0.0, cancel=lambda: False)
    assert watch.look() == "go on"
    watch.begun()
    time.sleep(0.05)
    assert watch.look() == "go on"


def test_a_far_side_of_which_nothing_is_heard_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.executors.far_watch._SLACK_S", 0.0)
    watch = FarWatch(a_call("noop", limits=CallLimits(seconds=0.01, grace_seconds=0.0)), start_seconds=0.0, cancel=lambda: False)
    watch.begun()
    time.sleep(0.05)
    assert watch.look() == "kill"
    assert isinstance(watch.why, TimeLimitError)
