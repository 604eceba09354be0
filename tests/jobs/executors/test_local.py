"""Stages in lanes, with real processes and real signals: whatever a stage does, it fails alone, and the next call is served."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from kiln import stages
from kiln.asset import Asset
from kiln.errors import Cancelled, TimeLimitError
from kiln.jobs.executors.failure import LaneCrashed, LaneNotStarted, StageBroken
from kiln.jobs.executors.interface import Progress
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor
from lane_stages import NounFolder
from lanes import HUSHED, a_call, a_setup, child, gone, linux, open_files, resident_bytes, run, wait_until
from shapes import sphere


def test_a_stage_of_ours_makes_of_an_asset_what_it_makes_here(tmp_path: Path) -> None:
    asset = Asset(name="ball", source=sphere())
    codec = NounFolder(folder=str(tmp_path))
    given = {"thing": codec.put(asset, Asset, key="in")}
    setup = LaneSetup(codec="lane_stages:NounFolder", codec_options={"folder": str(tmp_path)})
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor:
        call = a_call("simplify", triangles=200).model_copy(update={"inputs": given})
        result = run(executor, call)
    context = stages.Context()
    made = stages.simplify(asset, stages.simplify.params(triangles=200), context)
    assert result.outputs == {"thing": codec.put(made, Asset, key="out")}
    assert result.notes == tuple(context.notes)


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


@linux
def test_a_child_killed_between_calls_is_replaced_unseen(executor: LocalExecutor) -> None:
    pid = child(executor)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # all its threads have ended; whoever owns it may still ask how
    assert child(executor) != pid


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
            except (LaneCrashed, LaneNotStarted):
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
