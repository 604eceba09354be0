"""Stages in lanes, with real processes and real signals: whatever a stage does, it fails alone, and the next call is served."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from kiln import stages
from kiln.asset import Asset
from kiln.errors import Cancelled, ContractError, CutoutError, InputError, RecipeError, SetupError, TimeLimitError
from kiln.jobs.executors.failure import LaneClosed, LaneCrashed, StageBroken
from kiln.jobs.executors.interface import Progress, Reference
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.executors.wire import WireError
from lane_stages import NounFolder
from lanes import HUSHED, a_call, a_setup, child, gone, linux, open_files, resident_bytes, run, wait_until
from shapes import sphere


def test_outputs_are_inputs_of_the_next_call(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "in.json").write_text('{"a": [1, 2.5, "x"]}')
        given = Reference(key="in.json", sha256="d5deef4d58a96b3cdfa5db0bdc05d4ac55ea5fef36a4eaa9fbc1bfe5ac1d0e5d")
        with pytest.raises(InputError, match="has changed since it was stored"):
            run(executor, a_call("noop").model_copy(update={"inputs": {"thing": given}}))
        first = run(executor, a_call("sleep"))
        second = run(executor, a_call("noop").model_copy(update={"inputs": first.outputs, "output_prefix": "again"}))
        assert second.outputs["pid"].sha256 == first.outputs["pid"].sha256
        assert second.outputs["pid"].key == "again/pid.json"
        assert first.lane == "cpu0"
        assert 0 <= first.seconds < 5
        assert first.peak_bytes > 10 << 20 or sys.platform == "win32"


def test_a_stage_of_ours_makes_of_an_asset_what_it_makes_here(tmp_path: Path) -> None:
    asset = Asset(name="ball", source=sphere())
    codec = NounFolder(folder=str(tmp_path))
    given = codec.write(asset, prefix="in", gives=Asset)
    setup = LaneSetup(codec="lane_stages:NounFolder", codec_options={"folder": str(tmp_path)})
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor:
        call = a_call("simplify", triangles=200).model_copy(update={"inputs": given})
        result = run(executor, call)
    context = stages.Context()
    made = stages.simplify(asset, stages.simplify.params(triangles=200), context)
    assert result.outputs == codec.write(made, prefix="out", gives=Asset)
    assert result.notes == tuple(context.notes)


def test_the_child_stays_warm(executor: LocalExecutor) -> None:
    assert child(executor) == child(executor)


@linux
def test_the_child_outlives_the_thread_that_needed_it_first(tmp_path: Path) -> None:
    """Linux takes the thread that starts a process for its parent."""
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        thread = threading.Thread(target=child, args=(executor,))
        thread.start()
        thread.join()
        pid = executor.pools["cpu"].lanes[0].pid
        assert pid is not None
        assert not gone(pid, within_s=1.5)


def test_progress_notes_and_measures_arrive_and_a_flood_of_them_is_thinned(executor: LocalExecutor) -> None:
    signs: list[Progress] = []
    result = run(executor, a_call("chatter"), hear=signs.append)
    assert result.notes == ("said",)
    assert result.measures == {"steps": 100_000.0}
    shares = [sign.share for sign in signs if sign.kind == "progress"]
    assert shares == sorted(shares)
    assert 1 <= len(shares) <= 2 + result.seconds / 0.05
    assert [sign.words for sign in signs if sign.kind == "note"] == ["said"]


def test_a_long_stage_gives_heartbeats(executor: LocalExecutor) -> None:
    signs: list[Progress] = []
    run(executor, a_call("hang", seconds=1.5), hear=signs.append)
    beats = [sign for sign in signs if sign.kind == "heartbeat"]
    assert beats
    assert beats[0].resident_bytes > 10 << 20 or sys.platform != "linux"


@pytest.mark.parametrize(
    ("stage", "number", "words"), [("segfault", signal.SIGSEGV, "Segmentation fault"), ("abort", signal.SIGABRT, "Aborted")]
)
def test_a_crash_fails_its_call_alone(executor: LocalExecutor, stage: str, number: signal.Signals, words: str) -> None:
    before = child(executor)
    told = f"the process that ran {stage} was killed by {number.name}; its last words: Fatal Python error: {words}; try again"
    with pytest.raises(LaneCrashed, match=told) as caught:
        run(executor, a_call(stage))
    assert caught.value.signal == number
    assert child(executor) != before


def test_kill_9_of_the_child_in_the_middle(executor: LocalExecutor) -> None:
    pid = child(executor)
    with pytest.raises(LaneCrashed, match="SIGKILL, as the system does when memory runs out") as caught:
        run(executor, a_call("hang", seconds=30), hear=lambda sign: os.kill(pid, signal.SIGKILL) if sign.kind == "note" else None)
    assert caught.value.signal == signal.SIGKILL
    assert child(executor) != pid


@linux
def test_a_child_killed_between_calls_is_replaced_unseen(executor: LocalExecutor) -> None:
    pid = child(executor)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # all its threads have ended; whoever owns it may still ask how
    assert child(executor) != pid


def test_sys_exit_is_a_bug_of_the_stage_and_os_exit_a_crash(executor: LocalExecutor) -> None:
    pid = child(executor)
    with pytest.raises(StageBroken, match="leave failed unexpectedly: SystemExit: 3"):
        run(executor, a_call("leave"))
    assert child(executor) == pid
    with pytest.raises(LaneCrashed, match="ended with exit code 3") as caught:
        run(executor, a_call("vanish"))
    assert (caught.value.ended_with, caught.value.signal) == (3, None)


def test_kilns_own_errors_come_back_as_they_were(executor: LocalExecutor) -> None:
    with pytest.raises(CutoutError) as caught:
        run(executor, a_call("reject", word="no subject: crop the picture"))
    assert type(caught.value) is CutoutError
    assert str(caught.value) == "no subject: crop the picture"
    with pytest.raises(ContractError) as broken:
        run(executor, a_call("break_contract"))
    assert broken.value.verdict.broken[0].key == "triangles"
    assert broken.value.verdict.attempts == ("fewer",)


def test_a_bug_says_where_it_is(executor: LocalExecutor) -> None:
    with pytest.raises(StageBroken, match=r"stumble failed unexpectedly: ZeroDivisionError: .* \(stumble, line \d+\)"):
        run(executor, a_call("stumble"))


def test_bad_parameters_are_named(executor: LocalExecutor) -> None:
    with pytest.raises(RecipeError, match="sleep: seconds: "):
        run(executor, a_call("sleep", seconds="long"))
    with pytest.raises(RecipeError, match="noop: extra: "):
        run(executor, a_call("noop", extra=1))


def test_a_listener_that_fails_ends_the_call_and_not_the_lane(executor: LocalExecutor) -> None:
    def hear(sign: Progress) -> None:
        raise ValueError("listener")

    with pytest.raises(ValueError, match="listener"):
        run(executor, a_call("hang", seconds=30), hear=hear)
    child(executor)


def test_a_child_knows_little(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws")
    monkeypatch.setenv("KILN_DATABASE_URL", "postgresql://user:pass@host/db")
    setup = a_setup(tmp_path, environment={"CHOSEN": "1"})
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as other:
        known = {
            name: json.loads((tmp_path / "store" / ref.key).read_text(encoding="utf-8"))
            for name, ref in run(other, a_call("known")).outputs.items()
        }
        assert known["temp"].startswith(str(tmp_path / "lanes"))
        assert known["cwd"] == known["temp"]
    assert known["environment"]["CHOSEN"] == "1"
    assert not {"AWS_SECRET_ACCESS_KEY", "KILN_DATABASE_URL"} & set(known["environment"])
    assert known["stdin"] == ""
    assert HUSHED not in repr(setup)
    assert list((tmp_path / "lanes").iterdir()) == []


def test_what_a_crashed_child_left_behind_is_removed(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        with pytest.raises(LaneCrashed):
            run(executor, a_call("litter"))
        assert list((tmp_path / "lanes").iterdir()) == []


def test_a_lane_that_cannot_start_says_why(tmp_path: Path) -> None:
    setup = LaneSetup(codec="no_such_module:Codec")
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor, pytest.raises(StageBroken, match="No module named 'no_such_module'"):
        run(executor, a_call("noop"))


def test_a_lane_that_does_not_start_is_given_up(tmp_path: Path) -> None:
    setup = LaneSetup(codec="lane_stages:SlowCodec", start_seconds=1.0)
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor:
        with pytest.raises(TimeLimitError, match="lane cpu0 was not ready after 1 s"):
            run(executor, a_call("noop"))
        with pytest.raises(Cancelled, match="stopped before it began"):
            run(executor, a_call("noop"), cancel=lambda: True)
        assert executor.pools["cpu"].lanes[0].pid is None
    assert list((tmp_path / "lanes").iterdir()) == []


def test_a_call_for_a_lane_that_is_not_here_is_refused(executor: LocalExecutor) -> None:
    with pytest.raises(SetupError, match="noop needs a gpu lane and this worker has none"):
        run(executor, a_call("noop", lane="gpu"))


def test_a_bug_does_not_tell_secrets(executor: LocalExecutor) -> None:
    with pytest.raises(StageBroken, match=r"ValueError: \*\*\* and token=\*\*\*") as caught:
        run(executor, a_call("misuse", word=f"{HUSHED} and token=abc123"))
    assert "abc123" not in str(caught.value)


def test_a_call_may_be_large_but_not_endless(executor: LocalExecutor) -> None:
    run(executor, a_call("take", word="x" * (1 << 20)))
    with pytest.raises(WireError, match="keep data in the store, and send references"):
        run(executor, a_call("take", word="x" * (17 << 20)))
    child(executor)


def test_lanes_work_side_by_side(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    met: list[str] = []

    def hear(sign: Progress) -> None:
        if sign.kind == "note":
            both.wait()
            met.append(sign.words)

    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=2) as executor:
        threads = [threading.Thread(target=run, args=(executor, a_call("hang", seconds=0.01)), kwargs={"hear": hear}) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert met == ["hanging", "hanging"]


@pytest.mark.parametrize("wait_s", [0.0, 20.0])
def test_a_worker_that_shuts_down_waits_as_long_as_it_is_told(tmp_path: Path, wait_s: float) -> None:
    begun, outcome = threading.Event(), []
    executor = LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1)

    def work(stage: str) -> None:
        try:
            outcome.append(run(executor, a_call(stage, seconds=0.5), hear=lambda sign: begun.set()).lane)
        except LaneClosed as error:
            outcome.append(str(error))

    threads = [threading.Thread(target=work, args=(stage,)) for stage in ("hang", "sleep")]
    threads[0].start()
    assert begun.wait(20)
    pid = executor.pools["cpu"].lanes[0].pid
    threads[1].start()
    executor.close(wait_s=wait_s)
    for thread in threads:
        thread.join(20)
    waited = "the worker is shutting down and takes no sleep any more: submit it again"
    assert sorted(outcome) == sorted([waited, "cpu0" if wait_s else "the worker was shut down while it ran hang: submit it again"])
    assert pid is not None
    assert gone(pid, within_s=1)
    with pytest.raises(LaneClosed):
        run(executor, a_call("noop"))


@linux
def test_two_hundred_calls_leak_nothing(executor: LocalExecutor) -> None:
    for _ in range(50):
        run(executor, a_call("noop"))
    pid = child(executor)
    before, memory = (open_files(os.getpid()), open_files(pid), threading.active_count()), resident_bytes(pid)
    for _ in range(200):
        run(executor, a_call("noop"))
    assert child(executor) == pid
    assert (open_files(os.getpid()), open_files(pid), threading.active_count()) == before
    assert resident_bytes(pid) - memory < 2 << 20


@linux
def test_crashes_leak_nothing(executor: LocalExecutor) -> None:
    def state() -> tuple[int, int]:
        child(executor)
        return open_files(os.getpid()), threading.active_count()

    before = state()
    for _ in range(5):
        with pytest.raises(LaneCrashed):
            run(executor, a_call("vanish"))
    wait_until(lambda: state() == before)


@pytest.mark.long
def test_a_warm_lane_answers_five_hundred_empty_calls_a_second(executor: LocalExecutor) -> None:
    """3,400 a second were measured on two cores; this is the promise."""
    child(executor)
    started = time.monotonic()
    for _ in range(1000):
        run(executor, a_call("noop"))
    assert 1000 / (time.monotonic() - started) >= 500


def threads_of_lanes() -> int:
    return sum(" of cpu" in thread.name for thread in threading.enumerate())


@pytest.mark.long
@linux
def test_children_killed_at_random_cost_only_their_own_calls(tmp_path: Path) -> None:
    """Three callers share two lanes while children die every 0.2 s: each call ends as done or crashed, and nothing is left over."""
    ended: list[str] = []
    before = open_files(os.getpid()), threads_of_lanes()

    def work(executor: LocalExecutor) -> None:
        for _ in range(15):
            try:
                ended.append(run(executor, a_call("sleep", seconds=0.05)).lane)
            except LaneCrashed:
                ended.append("crashed")

    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=2) as executor:
        threads = [threading.Thread(target=work, args=(executor,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        chance = random.Random(5)  # noqa: S311 - whom to kill is no secret
        while any(thread.is_alive() for thread in threads):
            pid = chance.choice(executor.pools["cpu"].lanes).pid
            if pid is not None and chance.random() < 0.5:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            threads[0].join(0.2)
        assert len(ended) == 45
        assert {"crashed", "cpu0", "cpu1"} == set(ended)
        run(executor, a_call("noop"))
    wait_until(lambda: (open_files(os.getpid()), threads_of_lanes()) == before)
    assert list((tmp_path / "lanes").iterdir()) == []
