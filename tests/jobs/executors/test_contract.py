"""What every executor promises, tried on each: whatever a stage does, it fails alone, and the next call is served."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benches import BENCHES, KINDS, Bench
from kiln.errors import Cancelled, ContractError, CutoutError, InputError, RecipeError, SetupError, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, LaneClosed, LaneCrashed, MemoryLimitError, StageBroken
from kiln.jobs.executors.interface import CallLimits, Progress, Reference
from kiln.jobs.executors.wire import WireError
from lanes import HUSHED, a_call, gone, linux

pytestmark = pytest.mark.usefixtures("ray_driver")


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bench(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """With one lane, which each test must leave usable for the next."""
    with BENCHES[kind](tmp_path_factory.mktemp(kind)) as bench:
        yield bench


def test_outputs_are_references_and_inputs_of_the_next_call(bench: Bench) -> None:
    first = bench.run(a_call("sleep"))
    second = bench.run(a_call("noop").model_copy(update={"inputs": first.outputs, "output_prefix": "again"}))
    assert second.outputs["pid"].sha256 == first.outputs["pid"].sha256
    assert second.outputs["pid"].key == "again/pid.json"
    assert 0 <= first.seconds < 5
    changed = {"pid": Reference(key="again/pid.json", sha256="0" * 64)}
    with pytest.raises(InputError, match="has changed since it was stored"):
        bench.run(a_call("noop").model_copy(update={"inputs": changed}))


def test_the_child_stays_warm(bench: Bench) -> None:
    assert bench.child() == bench.child()


def test_progress_notes_and_measures_arrive(bench: Bench) -> None:
    signs: list[Progress] = []
    bench.run(a_call("sleep", seconds=1.5), hear=signs.append)
    result = bench.run(a_call("chatter"), hear=signs.append)
    assert result.notes == ("said",)
    assert result.measures == {"steps": 100_000.0}
    assert {(sign.share, sign.words) for sign in signs if sign.words == "asleep"} == {(0.5, "asleep")}
    assert [sign.words for sign in signs if sign.kind == "note"] == ["said"]
    assert max(sign.resident_bytes for sign in signs if sign.kind == "heartbeat") > 10 << 20 or sys.platform != "linux"
    assert len(signs) <= 60 + result.seconds / 0.05


@pytest.mark.parametrize(("stage", "number"), [("segfault", signal.SIGSEGV), ("abort", signal.SIGABRT)])
def test_a_crash_fails_its_call_alone(bench: Bench, stage: str, number: signal.Signals) -> None:
    before = bench.child()
    with pytest.raises(LaneCrashed, match=f"the process that ran {stage} was killed by {number.name}; its last words: Fatal") as caught:
        bench.run(a_call(stage))
    assert caught.value.signal == number
    assert bench.child() != before


def test_kill_9_of_the_child_in_the_middle(bench: Bench) -> None:
    pid = bench.child()
    with pytest.raises(LaneCrashed, match="SIGKILL, as the system does when memory runs out") as caught:
        bench.run(a_call("hang", seconds=30), hear=lambda sign: os.kill(pid, signal.SIGKILL) if sign.kind == "note" else None)
    assert caught.value.signal == signal.SIGKILL
    assert bench.child() != pid


def test_sys_exit_is_a_bug_of_the_stage_and_os_exit_a_crash(bench: Bench) -> None:
    pid = bench.child()
    with pytest.raises(StageBroken, match="leave failed unexpectedly: SystemExit: 3"):
        bench.run(a_call("leave"))
    assert bench.child() == pid
    with pytest.raises(LaneCrashed, match="ended with exit code 3") as caught:
        bench.run(a_call("vanish"))
    assert (caught.value.ended_with, caught.value.signal) == (3, None)


def test_kilns_own_errors_come_back_as_they_were(bench: Bench) -> None:
    with pytest.raises(CutoutError) as caught:
        bench.run(a_call("reject", word="no subject: crop the picture"))
    assert type(caught.value) is CutoutError
    assert str(caught.value) == "no subject: crop the picture"
    with pytest.raises(ContractError) as broken:
        bench.run(a_call("break_contract"))
    assert broken.value.verdict.broken[0].key == "triangles"
    assert broken.value.verdict.attempts == ("fewer",)


def test_a_bug_says_where_it_is_and_tells_no_secrets(bench: Bench) -> None:
    with pytest.raises(StageBroken, match=r"stumble failed unexpectedly: ZeroDivisionError: .* \(stumble, line \d+\)"):
        bench.run(a_call("stumble"))
    with pytest.raises(StageBroken, match=r"ValueError: \*\*\* and token=\*\*\*") as caught:
        bench.run(a_call("misuse", word=f"{HUSHED} and token=abc123"))
    assert "abc123" not in str(caught.value)


def test_bad_parameters_are_named(bench: Bench) -> None:
    with pytest.raises(RecipeError, match="sleep: seconds: "):
        bench.run(a_call("sleep", seconds="long"))
    with pytest.raises(RecipeError, match="noop: extra: "):
        bench.run(a_call("noop", extra=1))


def test_a_listener_that_fails_ends_the_call_and_not_the_lane(bench: Bench) -> None:
    def hear(sign: Progress) -> None:
        raise ValueError("listener")

    with pytest.raises(ValueError, match="listener"):
        bench.run(a_call("hang", seconds=29), hear=hear)
    bench.child()


def test_a_call_for_a_lane_that_is_not_here_is_refused(bench: Bench) -> None:
    with pytest.raises(SetupError, match="noop needs a gpu lane and this worker has none"):
        bench.run(a_call("noop", lane="gpu"))


def test_a_call_may_be_large_but_not_endless(bench: Bench) -> None:
    bench.run(a_call("take", word="x" * (1 << 20)))
    with pytest.raises(WireError, match="keep data in the store, and send references"):
        bench.run(a_call("take", word="x" * (17 << 20)))
    bench.child()


def test_a_cancelled_stage_ends_soon(bench: Bench) -> None:
    bench.child()
    cancel, started = threading.Event(), time.monotonic()
    with pytest.raises(Cancelled):
        bench.run(a_call("sleep", seconds=30), hear=lambda sign: cancel.set(), cancel=cancel.is_set)
    assert time.monotonic() - started < 15
    bench.child()


@pytest.mark.parametrize(("stage", "params"), [("hang", {"seconds": 30}), ("hold_gil", {})])
def test_a_cancelled_stage_that_does_not_look_up_is_killed(bench: Bench, stage: str, params: dict[str, int]) -> None:
    pid, cancel = bench.child(), threading.Event()
    with pytest.raises(Cancelled):
        bench.run(a_call(stage, **params), hear=lambda sign: cancel.set(), cancel=cancel.is_set)
    assert gone(pid, within_s=5)
    bench.child()


def test_a_stage_over_its_time_is_stopped(bench: Bench) -> None:
    limits = CallLimits(seconds=0.3, grace_seconds=0.3)
    pid = bench.child()
    with pytest.raises(TimeLimitError, match=r"sleep was still busy after 0.3 s"):
        bench.run(a_call("sleep", limits=limits, seconds=30))
    assert bench.child() == pid
    with pytest.raises(TimeLimitError, match=r"hang was still busy after 0.3 s"):
        bench.run(a_call("hang", limits=limits, seconds=30))
    assert bench.child() != pid


def test_a_child_without_any_sign_of_life_is_killed(bench: Bench) -> None:
    limits = CallLimits(seconds=30, silent_seconds=1.9, grace_seconds=0.1)
    bench.run(a_call("hang", limits=limits, seconds=2.5))
    with pytest.raises(TimeLimitError, match=r"no sign of life for 1.9 s"):
        bench.run(a_call("hold_gil", limits=limits))


@linux
@pytest.mark.parametrize("stage", ["hog", "family_hog"])
def test_a_hog_is_killed_at_its_limit(bench: Bench, stage: str) -> None:
    limits = CallLimits(seconds=30, resident_bytes=300 << 20)
    pid = bench.child()
    with pytest.raises(MemoryLimitError, match=f"{stage} needs more than the 0.315 GB"):
        bench.run(a_call(stage, limits=limits, megabytes=600))
    assert gone(pid, within_s=5)


@linux
def test_an_address_limit_is_a_memory_error_and_ends_with_its_call(bench: Bench) -> None:
    limits = CallLimits(address_bytes=2 << 30)
    for stage in ("greedy", "reserve"):
        with pytest.raises(MemoryLimitError, match=f"{stage} ran out of memory"):
            bench.run(a_call(stage, limits=limits, megabytes=3000))
        bench.run(a_call(stage, limits=limits, megabytes=10))
    bench.run(a_call("reserve", megabytes=3000))


def test_waiting_for_a_lane_can_be_cancelled_and_is_limited(bench: Bench) -> None:
    bench.child()
    busy, release = threading.Event(), threading.Event()

    def occupy() -> None:
        with pytest.raises(Cancelled):
            bench.run(a_call("sleep", seconds=30), hear=lambda sign: busy.set(), cancel=release.is_set)

    thread = threading.Thread(target=occupy)
    thread.start()
    assert busy.wait(10)
    with pytest.raises(LaneBusy, match=r"no cpu lane became free within 0.1 s"):
        bench.run(a_call("noop", limits=CallLimits(wait_seconds=0.1)))
    with pytest.raises(Cancelled, match="stopped while waiting"):
        bench.run(a_call("noop"), cancel=lambda: True)
    release.set()
    thread.join(10)
    bench.child()


@linux
def test_grandchildren_end_with_a_killed_stage(bench: Bench) -> None:
    others: list[int] = []

    def hear(sign: Progress) -> None:
        others.extend(int(word) for word in [sign.words] if sign.kind == "note")

    with pytest.raises(Cancelled):
        bench.run(a_call("grandchild"), hear=hear, cancel=lambda: bool(others))
    assert gone(others[0], within_s=5)


def test_lanes_work_side_by_side(kind: str, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    met: list[str] = []

    def hear(sign: Progress) -> None:
        if sign.kind == "note":
            both.wait()
            met.append(sign.words)

    with BENCHES[kind](tmp_path, lanes=2) as bench:
        calls = [a_call("hang", seconds=seconds) for seconds in (0.01, 0.02)]
        threads = [threading.Thread(target=bench.run, args=(call,), kwargs={"hear": hear}) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert met == ["hanging", "hanging"]


@pytest.mark.parametrize("wait_s", [0.0, 30.0])
def test_a_worker_that_shuts_down_waits_as_long_as_it_is_told(kind: str, tmp_path: Path, wait_s: float) -> None:
    begun, waits, outcome = threading.Event(), threading.Event(), []

    def work(stage: str) -> None:
        try:
            bench.run(a_call(stage, seconds=2.0), hear=lambda sign: begun.set(), cancel=lambda: waits.set() if stage == "sleep" else None)
            outcome.append("done")
        except LaneClosed as error:
            outcome.append(str(error).split(":")[-1])

    with BENCHES[kind](tmp_path) as bench:
        threads = [threading.Thread(target=work, args=(stage,)) for stage in ("hang", "sleep")]
        threads[0].start()
        assert begun.wait(20)
        threads[1].start()
        assert waits.wait(20)  # it stands in the row
        bench.executor.close(wait_s=wait_s)
        for thread in threads:
            thread.join(20)
        assert sorted(outcome) == [" submit it again", "done" if wait_s else " submit it again"]
        with pytest.raises(LaneClosed):
            bench.run(a_call("noop"))
