"""Children that nobody needs give their memory back; no call is lost by it, and none is blamed for a child that was gone before."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kiln.errors import StorageError
from kiln.jobs.crew.retry import decide
from kiln.jobs.executors import child_process, scratch
from kiln.jobs.executors.failure import LaneClosed, LaneNotStarted
from kiln.jobs.executors.lane import Lane
from kiln.jobs.executors.lane_setup import GPU_IDLE_S, IDLE_S, LaneSetup, LaneSite
from kiln.jobs.executors.local import LocalExecutor
from kiln.jobs.telemetry.metrics import REGISTRY
from lanes import a_call, a_setup, gone, linux, run, wait_until

LONG_S = 3600.0


def a_lane(folder: Path, *, name: str = "cpu0", setup: LaneSetup | None = None, **more: Any) -> Lane:
    return Lane(setup or a_setup(folder), LaneSite(name=name, threads=1, scratch=folder / "lanes", **{"idle_s": LONG_S, **more}))


def served(lane: Lane, stage: str = "noop", **params: Any) -> int:
    """The child that has run a call."""
    lane.run(a_call(stage, **params), on_progress=lambda sign: None, cancel=lambda: False)
    assert lane.pid is not None
    return lane.pid


def replaced(name: str) -> float:
    return REGISTRY.get_sample_value("kiln_worker_restarts_total", {"lane": name}) or 0.0


@linux
def test_an_idle_lane_ends_its_child_and_the_next_call_is_served(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1, worker="idler", idle_s=0.2) as executor:
        run(executor, a_call("diary", log=str(tmp_path / "diary")))
        assert gone(int((tmp_path / "diary").read_text(encoding="utf-8").split()[1]), within_s=30)
        (lane,) = executor.pools["cpu"].lanes
        wait_until(lambda: lane.pid is None and list((tmp_path / "lanes").iterdir()) == [])
        assert run(executor, a_call("noop")).lane == "idler.cpu0"
    assert replaced("idler.cpu0") == 0


def test_a_lane_that_is_not_idle_for_long_keeps_its_child(tmp_path: Path) -> None:
    lane = a_lane(tmp_path)
    pid = served(lane)
    lane.rest()
    assert served(lane) == pid
    lane.close()


def test_calls_that_come_while_a_lane_goes_to_rest_are_served(tmp_path: Path) -> None:
    """Whatever the moment: a child is ended before a call has it, or not at all."""
    lane = a_lane(tmp_path, name="restless", idle_s=0.0)
    done, chance = threading.Event(), random.Random(5)  # noqa: S311

    def rest_always() -> None:
        while not done.wait(0.002):
            lane.rest()

    thread = threading.Thread(target=rest_always)
    thread.start()
    try:
        for _ in range(5):
            lane.run(a_call("diary", log=str(tmp_path / "diary")), on_progress=lambda sign: None, cancel=lambda: False)
            time.sleep(chance.random() * 0.01)
    finally:
        done.set()
        thread.join()
        lane.close()
    children = {line.split()[1] for line in (tmp_path / "diary").read_text(encoding="utf-8").splitlines()}
    assert len(children) > 1
    assert replaced("restless") == 0


@linux
def test_a_child_that_keeps_too_much_is_replaced_between_calls(tmp_path: Path) -> None:
    lane = a_lane(tmp_path, name="keeper", most_kept_bytes=400 << 20)
    pid = served(lane)
    assert served(lane, "keep", megabytes=10) == pid
    after = served(lane, "keep", megabytes=500)  # whose result is there all the same
    assert after != pid
    assert gone(pid, within_s=10)
    assert served(lane) == after
    assert replaced("keeper") == 0
    lane.close()


@linux
def test_a_child_that_is_killed_while_it_is_idle_is_no_crash_of_the_next_call(tmp_path: Path) -> None:
    """Not even where the system has not noticed its end when the call comes."""
    lane = a_lane(tmp_path, name="victim")
    for _ in range(3):
        os.kill(served(lane), signal.SIGKILL)
        served(lane)
    assert replaced("victim") >= 3
    lane.close()


@linux
def test_a_child_that_ends_before_it_is_ready_is_replaced_once(tmp_path: Path) -> None:
    lane = a_lane(tmp_path, setup=replace(a_setup(tmp_path), codec="lane_stages:MortalCodec"))
    served(lane)
    lane.close()


@linux
def test_a_lane_that_cannot_start_is_no_crash_and_says_why(tmp_path: Path) -> None:
    lane = a_lane(tmp_path, setup=replace(a_setup(tmp_path), codec="lane_stages:BrokenCodec"))
    with pytest.raises(
        LaneNotStarted, match=r"lane cpu0 cannot start: its process ended with exit code 7; its last words: no library"
    ) as caught:
        served(lane)
    assert lane.pid is None
    assert all(decide(caught.value, tries=tries, crashes=0, seed="x").again for tries in range(1, 5))
    assert list((tmp_path / "lanes").iterdir()) == []
    lane.close()


@pytest.mark.parametrize(("number", "error"), [(11, LaneNotStarted), (12, LaneNotStarted), (28, StorageError)])
def test_a_machine_that_gives_no_process_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    lane = a_lane(tmp_path)
    monkeypatch.setattr(scratch if number == 28 else child_process, "make" if number == 28 else "_spawn", refuse)
    lane.prepare()  # ahead of a call, nobody hears of it
    with pytest.raises(error, match="lane cpu0 cannot start a process"):
        served(lane)
    monkeypatch.undo()
    served(lane)
    lane.close()


def test_the_first_call_has_a_second_lane_get_ready(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=3) as executor:
        run(executor, a_call("noop"))
        assert [lane.pid is None for lane in executor.pools["cpu"].lanes] == [True, False, False]
        with ThreadPoolExecutor(2) as threads:
            lanes = {result.lane for result in threads.map(lambda _: run(executor, a_call("sleep", seconds=0.5)), range(2))}
        assert "cpu2" in lanes


def test_a_lane_that_rests_and_is_closed_takes_no_call(tmp_path: Path) -> None:
    lane = a_lane(tmp_path, idle_s=0.0)
    lane.prepare()
    lane.rest()
    lane.close()
    with pytest.raises(LaneClosed):
        served(lane)


def test_lanes_with_a_gpu_keep_their_models_longer(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1, gpus=["0"], worker="w") as executor:
        (cpu,), (gpu,) = executor.pools["cpu"].lanes, executor.pools["gpu"].lanes
        assert (cpu.idle_s, gpu.idle_s) == (IDLE_S, GPU_IDLE_S)
        assert run(executor, a_call("noop", lane="gpu")).lane == "w.gpu0"
        assert cpu.pid is None
