"""Lanes with real processes and real signals: whatever a stage does, it fails alone, and the next call is served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kiln.errors import Cancelled, ContractError, CutoutError, RecipeError, SetupError, TimeLimitError
from kiln.jobs.executors.failure import LaneBusy, LaneCrashed, MemoryLimitError, StageBroken
from kiln.jobs.executors.interface import CallLimits, Progress, Reference, StageCall, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor

linux = pytest.mark.skipif(sys.platform != "linux", reason="what is asked is told by /proc")

SECRET = "correct horse battery"
QUICK = CallLimits(seconds=30, grace_seconds=0.5, wait_seconds=30)


def a_setup(folder: Path, **more: Any) -> LaneSetup:
    return LaneSetup(codec_options={"folder": str(folder / "store")}, stages="lane_stages:find", secrets=(SECRET,), **more)


def a_call(stage: str, *, limits: CallLimits = QUICK, lane: Any = "cpu", job: str = "j1", **params: Any) -> StageCall:
    return StageCall(stage=stage, version="1", params=params, output_prefix="out", limits=limits, lane=lane, job=job)


def run(executor: LocalExecutor, call: StageCall, *, hear: Callable[[Progress], None] | None = None, cancel: Any = None) -> StageResult:
    return executor.run(call, on_progress=hear or (lambda sign: None), cancel=cancel or (lambda: False))


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    """One lane that all tests share: each must leave it usable for the next."""
    folder = tmp_path_factory.mktemp("lanes")
    with LocalExecutor(a_setup(folder), data=folder, cpu_lanes=1) as executor:
        yield executor


def child(executor: LocalExecutor) -> int:
    run(executor, a_call("noop"))
    pid = executor.pools["cpu"].lanes[0].pid
    assert pid is not None
    return pid


def gone(pid: int, *, within_s: float) -> bool:
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_outputs_are_inputs_of_the_next_call(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "in.json").write_text('{"a": [1, 2.5, "x"]}')
        given = Reference(key="in.json", sha256="d5deef4d58a96b3cdfa5db0bdc05d4ac55ea5fef36a4eaa9fbc1bfe5ac1d0e5d")
        with pytest.raises(Exception, match="has changed since it was stored"):
            run(executor, a_call("noop").model_copy(update={"inputs": {"thing": given}}))
        first = run(executor, a_call("sleep"))
        second = run(executor, a_call("noop").model_copy(update={"inputs": first.outputs, "output_prefix": "again"}))
        assert second.outputs["pid"].sha256 == first.outputs["pid"].sha256
        assert second.outputs["pid"].key == "again/pid.json"
        assert first.lane == "cpu0"
        assert 0 <= first.seconds < 5
        assert first.peak_bytes > 10 << 20 or sys.platform == "win32"


def test_the_child_stays_warm(executor: LocalExecutor) -> None:
    assert child(executor) == child(executor)


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


@pytest.mark.parametrize(("stage", "number"), [("segfault", signal.SIGSEGV), ("abort", signal.SIGABRT)])
def test_a_crash_fails_its_call_alone(executor: LocalExecutor, stage: str, number: signal.Signals) -> None:
    before = child(executor)
    with pytest.raises(LaneCrashed, match=f"the process that ran {stage} was killed by {number.name}") as caught:
        run(executor, a_call(stage))
    assert caught.value.signal == number
    assert child(executor) != before


def test_kill_9_of_the_child_in_the_middle(executor: LocalExecutor) -> None:
    pid = child(executor)
    with pytest.raises(LaneCrashed, match="SIGKILL, as the system does when memory runs out") as caught:
        run(executor, a_call("hang", seconds=30), hear=lambda sign: os.kill(pid, signal.SIGKILL) if sign.kind == "note" else None)
    assert caught.value.signal == signal.SIGKILL
    assert child(executor) != pid


def test_a_child_killed_between_calls_is_replaced_unseen(executor: LocalExecutor) -> None:
    pid = child(executor)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid, within_s=2)
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


def test_a_cancelled_stage_that_looks_up_keeps_its_child(executor: LocalExecutor) -> None:
    pid, cancel = child(executor), threading.Event()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(executor, a_call("sleep", seconds=30), hear=lambda sign: cancel.set(), cancel=cancel.is_set)
    assert time.monotonic() - started < 5
    assert child(executor) == pid


@pytest.mark.parametrize("stage", ["hang", "hold_gil"])
def test_a_cancelled_stage_that_does_not_look_up_is_killed_after_the_grace(executor: LocalExecutor, stage: str) -> None:
    pid, cancelled_at = child(executor), [float("inf")]

    def hear(sign: Progress) -> None:
        cancelled_at[0] = min(cancelled_at[0], time.monotonic())

    with pytest.raises(Cancelled):
        run(executor, a_call(stage, seconds=30), hear=hear, cancel=lambda: cancelled_at[0] < float("inf"))
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
    limits = CallLimits(seconds=30, silent_seconds=1.3, grace_seconds=0.1)
    run(executor, a_call("hang", limits=limits, seconds=2.0))
    with pytest.raises(TimeLimitError, match=r"no sign of life for 1.3 s"):
        run(executor, a_call("hold_gil", limits=limits, seconds=30))


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
    with pytest.raises(MemoryLimitError, match="greedy ran out of memory"):
        run(executor, a_call("greedy", limits=CallLimits(address_bytes=2 << 30), megabytes=3000))
    run(executor, a_call("greedy", limits=CallLimits(address_bytes=2 << 30), megabytes=10))
    run(executor, a_call("greedy", megabytes=2100))


def test_a_listener_that_fails_ends_the_call_and_not_the_lane(executor: LocalExecutor) -> None:
    def hear(sign: Progress) -> None:
        raise ValueError("listener")

    with pytest.raises(ValueError, match="listener"):
        run(executor, a_call("hang", seconds=30), hear=hear)
    child(executor)


def test_a_flood_of_output_blocks_nobody_and_is_cut(executor: LocalExecutor, caplog: pytest.LogCaptureFixture) -> None:
    child(executor)
    with caplog.at_level("INFO", logger="kiln.lane"):
        run(executor, a_call("flood", megabytes=20, job="flooding"))
        run(executor, a_call("say", word="after", job="talking"))
        wait_for_line(caplog, "native after")
    flood = [record for record in caplog.records if record.__dict__["job"] == "flooding"]
    assert len(flood) == 1001
    assert flood[-1].getMessage() == f"{20 * (1 << 13) - 1000} more lines were printed and are not kept"


def test_output_is_logged_with_its_job_and_without_secrets(executor: LocalExecutor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="kiln.lane"):
        run(executor, a_call("say", word=f"the key is {SECRET}, \x1b[31mapi_key=abc123", job="j7"))
        wait_for_line(caplog, "native the key is ***, \\x1b[31mapi_key=***")
    record = caplog.records[-1].__dict__
    assert (record["job"], record["stage"], record["lane"]) == ("j7", "say", "cpu0")
    assert SECRET not in caplog.text
    assert "abc123" not in caplog.text


def wait_for_line(caplog: pytest.LogCaptureFixture, line: str) -> None:
    give_up = time.monotonic() + 5
    while line not in caplog.messages:
        assert time.monotonic() < give_up, caplog.messages[-3:]
        time.sleep(0.01)


def test_a_child_knows_little(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws")
    monkeypatch.setenv("KILN_DATABASE_URL", "postgresql://user:pass@host/db")
    setup = a_setup(tmp_path, environment={"CHOSEN": "1"})
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as other:
        known = {name: read_json(tmp_path / "store" / ref.key) for name, ref in run(other, a_call("known")).outputs.items()}
        assert known["temp"].startswith(str(tmp_path / "lanes"))
        assert known["cwd"] == known["temp"]
    assert known["environment"]["CHOSEN"] == "1"
    assert not {"AWS_SECRET_ACCESS_KEY", "KILN_DATABASE_URL"} & set(known["environment"])
    assert known["stdin"] == ""
    assert SECRET not in repr(setup)
    assert list((tmp_path / "lanes").iterdir()) == []


def read_json(path: Path) -> Any:
    import json

    return json.loads(path.read_text(encoding="utf-8"))


def test_what_a_crashed_child_left_behind_is_removed(tmp_path: Path) -> None:
    with LocalExecutor(a_setup(tmp_path), data=tmp_path, cpu_lanes=1) as executor:
        with pytest.raises(LaneCrashed):
            run(executor, a_call("litter"))
        assert list((tmp_path / "lanes").iterdir()) == []


def test_a_lane_that_cannot_start_says_why(tmp_path: Path) -> None:
    setup = LaneSetup(codec="no_such_module:Codec")
    with LocalExecutor(setup, data=tmp_path, cpu_lanes=1) as executor, pytest.raises(StageBroken, match="No module named 'no_such_module'"):
        run(executor, a_call("noop"))


def test_a_call_for_a_lane_that_is_not_here_is_refused(executor: LocalExecutor) -> None:
    with pytest.raises(SetupError, match="noop needs a gpu lane and this worker has none"):
        run(executor, a_call("noop", lane="gpu"))


def test_waiting_for_a_lane_can_be_cancelled_and_is_limited(executor: LocalExecutor) -> None:
    child(executor)
    busy, release = threading.Event(), threading.Event()

    def occupy() -> None:
        with pytest.raises(Cancelled):
            run(executor, a_call("sleep", seconds=30), hear=lambda sign: busy.set(), cancel=release.is_set)

    thread = threading.Thread(target=occupy)
    thread.start()
    assert busy.wait(10)
    with pytest.raises(LaneBusy, match="no cpu lane became free within 0.1 s"):
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


WORKER = """
import sys, threading
from pathlib import Path
from kiln.jobs.executors.interface import StageCall
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor

folder, stage, lane, calls, params = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), eval(sys.argv[5])
setup = LaneSetup(codec_options={"folder": str(folder / "store")}, stages="lane_stages:find")
executor = LocalExecutor(setup, data=folder, cpu_lanes=1, gpus=["0"])

def hear(sign):
    if sign.kind == "note":
        print(executor.pools[lane].lanes[0].pid, sign.words, flush=True)

for _ in range(calls):
    call = StageCall(stage=stage, version="1", params=params, output_prefix="out", lane=lane)
    executor.run(call, on_progress=hear, cancel=lambda: False)
executor.close()
"""


def worker(folder: Path, stage: str, *, lane: str = "cpu", calls: int = 1, **params: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", WORKER, str(folder), stage, lane, str(calls), repr(params)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@linux
@pytest.mark.parametrize("stage", ["hang", "hold_gil", "grandchild"])
def test_children_and_grandchildren_die_with_a_killed_worker(tmp_path: Path, stage: str) -> None:
    params = {} if stage == "grandchild" else {"seconds": 30}
    with worker(tmp_path, stage, **params) as process:
        assert process.stdout is not None
        pid, words = process.stdout.readline().split()
        process.kill()
        assert gone(int(pid), within_s=2)
        assert stage != "grandchild" or gone(int(words), within_s=2)


@linux
def test_two_workers_never_use_one_gpu_at_once(tmp_path: Path) -> None:
    log = tmp_path / "diary"
    workers = [worker(tmp_path, "diary", lane="gpu", calls=15, log=str(log), seconds=0.01) for _ in range(2)]
    assert [process.communicate(timeout=60) and process.returncode for process in workers] == [0, 0]
    assert_no_overlap(log, calls=30)


@linux
def test_a_killed_worker_gives_up_the_gpu_only_when_its_child_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "diary"
    first = worker(tmp_path, "diary", lane="gpu", log=str(log), seconds=0.4)
    wait_for_file(log)
    second = worker(tmp_path, "diary", lane="gpu", log=str(log), seconds=0.0)
    first.kill()
    first.communicate()
    assert (second.communicate(timeout=30), second.returncode)[1] == 0
    entries = log.read_text().split("\n")
    assert entries[0].startswith("enter")
    assert entries[-3].startswith("enter")
    assert entries[-2] == entries[-3].replace("enter", "leave")
    assert len(entries) in {4, 5}  # the first one's leave is there when it was not killed in time


def wait_for_file(path: Path) -> None:
    give_up = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def assert_no_overlap(log: Path, *, calls: int) -> None:
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len(lines) == 2 * calls
    assert len({pid for _, pid in lines}) == 2
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert (entered[0], left[0]) == ("enter", "leave")
        assert entered[1] == left[1]


@linux
def test_a_gpu_that_is_in_use_is_waited_for_no_longer_than_allowed(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "gpu0.lock").open("w") as held, LocalExecutor(a_setup(tmp_path), data=tmp_path, gpus=["0"]) as executor:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LaneBusy, match=r"the GPU was in use by another process for 0.2 s \(gpu0.lock\)"):
            run(executor, a_call("noop", lane="gpu", limits=CallLimits(wait_seconds=0.2)))
        with pytest.raises(Cancelled):
            run(executor, a_call("noop", lane="gpu"), cancel=iter([False] * 20 + [True] * 1000).__next__)
        pid = executor.pools["gpu"].lanes[0].pid
        fcntl.flock(held, fcntl.LOCK_UN)
        run(executor, a_call("noop", lane="gpu"))
        assert executor.pools["gpu"].lanes[0].pid == pid


@linux
def test_two_hundred_calls_leak_nothing(executor: LocalExecutor) -> None:
    def state() -> tuple[int, int, int, int]:
        pid = child(executor)
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{pid}/fd")), threading.active_count(), pid

    for _ in range(50):
        run(executor, a_call("noop"))
    before, memory = state(), resident(child(executor))
    for _ in range(200):
        run(executor, a_call("noop"))
    assert state() == before
    assert resident(child(executor)) - memory < 2 << 20


@linux
def test_crashes_leak_nothing(executor: LocalExecutor) -> None:
    def state() -> tuple[int, int]:
        child(executor)
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = state()
    for _ in range(5):
        with pytest.raises(LaneCrashed):
            run(executor, a_call("vanish"))
    give_up = time.monotonic() + 3
    while state() != before:
        assert time.monotonic() < give_up, (state(), before)
        time.sleep(0.05)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
