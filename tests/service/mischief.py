"""What is done to a service process from within, by its environment: its clock jumps, or it dies at a point of a submit.

`install` lays it where Python looks when it starts. KILN_TEST_CLOCK names a file with the seconds that the date is off. KILN_TEST_DIES says
at which of POINTS and, after a colon, a file that must not be there yet: there, the process dies once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS = ("before the row", "after the row", "after the queue")


def install(folder: Path) -> None:
    """For processes with this folder on their PYTHONPATH."""
    (folder / "sitecustomize.py").write_text("from service import mischief\n\nmischief.begin()\n")


def begin() -> None:
    """Do what the environment says."""
    if "KILN_TEST_CLOCK" in os.environ:
        _bend_clock(Path(os.environ["KILN_TEST_CLOCK"]))
    if "KILN_TEST_DIES" in os.environ:
        point, _, marker = os.environ["KILN_TEST_DIES"].partition(":")
        _plant(point, Path(marker))


def _bend_clock(path: Path) -> None:
    real_s, real_ns = time.time, time.time_ns

    def offset_s() -> int:
        return int(path.read_text() or 0) if path.exists() else 0

    time.time = lambda: real_s() + offset_s()
    time.time_ns = lambda: real_ns() + offset_s() * 10**9


def _plant(point: str, marker: Path) -> None:
    from kiln.jobs.engine import WorkflowQueue
    from kiln.jobs.records.job_store import JobStore

    before, after = {"before the row": (JobStore, None), "after the row": (None, JobStore), "after the queue": (None, WorkflowQueue)}[point]
    for owner, name in ((JobStore, "submit"), (WorkflowQueue, "enqueue")):
        setattr(owner, name, _deadly(getattr(owner, name), marker, before=owner is before, after=owner is after))


def _deadly(method: Callable[..., Any], marker: Path, *, before: bool, after: bool) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Any:
        if before:
            _die_once(marker)
        answer = method(*args, **options)
        if after:
            _die_once(marker)
        return answer

    return run


def _die_once(marker: Path) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
