"""What tests of lanes share: calls of the stages in `lane_stages`, and looks at processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiln.jobs.executors.interface import CallLimits, Progress, StageCall, StageExecutor, StageResult
from kiln.jobs.executors.lane_setup import LaneSetup
from kiln.jobs.executors.local import LocalExecutor

linux = pytest.mark.skipif(sys.platform != "linux", reason="what is asked is told by /proc")

HUSHED = "correct horse battery"
QUICK = CallLimits(seconds=30, grace_seconds=0.5, wait_seconds=30)


def a_setup(folder: Path, **more: Any) -> LaneSetup:
    return LaneSetup(codec_options={"folder": str(folder / "store")}, stages="lane_stages:find", secrets=(HUSHED,), **more)


def a_call(stage: str, *, limits: CallLimits = QUICK, lane: Any = "cpu", job: str = "j1", **params: Any) -> StageCall:
    return StageCall(stage=stage, version="1", params=params, output_prefix="out", limits=limits, lane=lane, job=job)


def run(executor: StageExecutor, call: StageCall, *, hear: Callable[[Progress], None] | None = None, cancel: Any = None) -> StageResult:
    return executor.run(call, on_progress=hear or (lambda sign: None), cancel=cancel or (lambda: False))


def child(executor: LocalExecutor) -> int:
    run(executor, a_call("noop"))
    pid = executor.pools["cpu"].lanes[0].pid
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked how is gone too. Until its last thread ends, its files and locks stay."""
    try:
        states = [stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(state in "ZX" for state in states) and len(states) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def gone(pid: int, *, within_s: float) -> bool:
    give_up = time.monotonic() + within_s
    while not is_gone(pid) and time.monotonic() < give_up:
        time.sleep(0.01)
    return is_gone(pid)


def wait_until(happened: Callable[[], bool], *, within_s: float = 20.0) -> None:
    give_up = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def users(path: Path) -> int:
    """How many other processes have a file open."""
    found = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if handle.readlink() == path.resolve():
                found.add(handle.parts[2])
    return len(found - {str(os.getpid())})


def start_worker(folder: Path, stage: str, *, lane: str = "cpu", calls: int = 1, **params: Any) -> subprocess.Popen[str]:
    """A worker process that runs a stage some times; it prints its child's process id and what the stage notes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    call = a_call(stage, lane=lane, **params).model_dump_json()
    command = [sys.executable, "-m", "lane_worker", str(folder), str(calls), call]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
