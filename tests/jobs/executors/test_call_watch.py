"""Cancel, time and memory: told to stop first, killed when that is not heard, and the next call is served."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from kiln.errors import Cancelled, TimeLimitError
from kiln.jobs.executors.interface import CallLimits, Progress
from kiln.jobs.executors.local import LocalExecutor
from lanes import a_call, child, gone, run


def test_a_cancelled_stage_that_looks_up_keeps_its_child(executor: LocalExecutor) -> None:
    pid, cancel = child(executor), threading.Event()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(executor, a_call("sleep", seconds=30), hear=lambda sign: cancel.set(), cancel=cancel.is_set)
    assert time.monotonic() - started < 5
    assert child(executor) == pid


@pytest.mark.parametrize(("stage", "params"), [("hang", {"seconds": 30}), ("hold_gil", {})])
def test_a_cancelled_stage_that_does_not_look_up_is_killed_after_the_grace(
    executor: LocalExecutor, stage: str, params: dict[str, int]
) -> None:
    pid, cancelled_at = child(executor), [float("inf")]

    def hear(sign: Progress) -> None:
        cancelled_at[0] = min(cancelled_at[0], time.monotonic())

    with pytest.raises(Cancelled):
        run(executor, a_call(stage, **params), hear=hear, cancel=lambda: cancelled_at[0] < float("inf"))
    assert 0.5 <= time.monotonic() - cancelled_at[0] < 3
    assert gone(pid, within_s=1)


def test_a_child_that_was_stopped_by_a_signal_is_killed_at_its_limit(executor: LocalExecutor) -> None:
    pid = child(executor)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeLimitError):
        run(executor, a_call("take", limits=CallLimits(seconds=0.3, grace_seconds=0.2), word="x" * (1 << 20)))
    assert gone(pid, within_s=1)
    child(executor)
