"""Cancel, time and memory: told to stop first, killed when that is not heard, and the next call is served."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from kiln.errors import Cancelled, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, MemoryLimitError
from kiln.jobs.executors.interface import CallLimits, Progress
from kiln.jobs.executors.local import LocalExecutor
from lanes import a_call, child, gone, linux, run


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


def test_a_stage_over_its_time_is_stopped(executor: LocalExecutor) -> None:
    limits = CallLimits(seconds=0.3, grace_seconds=0.3)
    pid = child(executor)
    with pytest.raises(TimeLimitError, match=r"sleep was still busy after 0.3 s"):
        run(executor, a_call("sleep", limits=limits, seconds=30))
    assert child(executor) == pid
    with pytest.raises(TimeLimitError, match=r"hang was still busy after 0.3 s"):
        run(executor, a_call("hang", limits=limits, seconds=30))
    assert child(executor) != pid


def test_a_child_without_any_sign_of_life_is_killed(executor: LocalExecutor) -> None:
    limits = CallLimits(seconds=30, silent_seconds=1.9, grace_seconds=0.1)
    run(executor, a_call("hang", limits=limits, seconds=2.5))
    with pytest.raises(TimeLimitError, match=r"no sign of life for 1.9 s"):
        run(executor, a_call("hold_gil", limits=limits))


@linux
@pytest.mark.parametrize("stage", ["hog", "family_hog"])
def test_a_hog_is_killed_at_its_limit(executor: LocalExecutor, stage: str) -> None:
    limits = CallLimits(seconds=30, resident_bytes=300 << 20)
    pid = child(executor)
    with pytest.raises(MemoryLimitError, match=f"{stage} needs more than the 0.315 GB"):
        run(executor, a_call(stage, limits=limits, megabytes=600))
    assert gone(pid, within_s=1)


@linux
def test_an_address_limit_is_a_memory_error_and_ends_with_its_call(executor: LocalExecutor) -> None:
    limits = CallLimits(address_bytes=2 << 30)
    for stage in ("greedy", "reserve"):
        with pytest.raises(MemoryLimitError, match=f"{stage} ran out of memory"):
            run(executor, a_call(stage, limits=limits, megabytes=3000))
        run(executor, a_call(stage, limits=limits, megabytes=10))
    run(executor, a_call("reserve", megabytes=3000))


def test_waiting_for_a_lane_can_be_cancelled_and_is_limited(executor: LocalExecutor) -> None:
    child(executor)
    busy, release = threading.Event(), threading.Event()

    def occupy() -> None:
        with pytest.raises(Cancelled):
            run(executor, a_call("sleep", seconds=30), hear=lambda sign: busy.set(), cancel=release.is_set)

    thread = threading.Thread(target=occupy)
    thread.start()
    assert busy.wait(10)
    with pytest.raises(LaneBusy, match=r"no cpu lane became free within 0.1 s"):
        run(executor, a_call("noop", limits=CallLimits(wait_seconds=0.1)))
    with pytest.raises(Cancelled, match="stopped while waiting"):
        run(executor, a_call("noop"), cancel=lambda: True)
    release.set()
    thread.join(10)
    child(executor)


@linux
def test_grandchildren_end_with_a_killed_stage(executor: LocalExecutor) -> None:
    others: list[int] = []

    def hear(sign: Progress) -> None:
        others.extend(int(word) for word in [sign.words] if sign.kind == "note")

    with pytest.raises(Cancelled):
        run(executor, a_call("grandchild"), hear=hear, cancel=lambda: bool(others))
    assert gone(others[0], within_s=2)


def test_a_child_that_was_stopped_by_a_signal_is_killed_at_its_limit(executor: LocalExecutor) -> None:
    pid = child(executor)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeLimitError):
        run(executor, a_call("take", limits=CallLimits(seconds=0.3, grace_seconds=0.2), word="x" * (1 << 20)))
    assert gone(pid, within_s=1)
    child(executor)
