"""Claiming a job: what a worker that is handed one does first, whatever the job has been through.

A worker is handed a job only when nobody else runs it. So a job that says it is running was lost with the worker that ran it: it is put
back and begun again under a new attempt, and from then on that worker's writes are refused, should it wake up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile
from typing import Final

from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, State
from kiln.jobs.records.job_store import JobStore

CRASHES: Final = 3
"""After so many attempts that died without getting anywhere, a job is poison."""

_LOST: Final = "its worker was lost"
"""Why a job is put back; what begins otherwise was no crash, such as a worker that was sent home."""

_EVENTS: Final = 1000
"""Read at a time."""


def claim(jobs: JobStore, job_id: str, *, executor_id: str) -> Job | None:
    """The job under a new attempt of this executor's; None when nothing is left to do: it has ended, was cancelled, or is poison.

    Raises ConflictError when somebody else was faster, InputError when there is no such job.
    """
    taken = jobs.take(job_id, executor_id=executor_id)
    if taken is not None:
        return taken
    job = jobs.get(job_id)
    if job.state is State.CANCELLING:
        jobs.cancelled(job)
        return None
    return _begin_anew(jobs, job, executor_id) if job.state is State.RUNNING else None


def _begin_anew(jobs: JobStore, job: Job, executor_id: str) -> Job | None:
    waiting = jobs.requeue(job, why=f"{_LOST} ({job.executor_id})")
    if is_poison(_all_events(jobs, job.id)):
        jobs.fail(waiting, Failure(reason=FailureReason.CRASHED, message=f"crashed its worker {CRASHES} times: it is not tried again"))
        return None
    return jobs.start(waiting, executor_id=executor_id)


def is_poison(events: Iterable[Event]) -> bool:
    """Whether a job's newest attempts each began a stage, finished none, and ended with the loss of their worker.

    An attempt that finished a stage got somewhere, and one that never began a stage did nothing that could kill: neither counts, so that a
    worker which is killed every few seconds by somebody else does not cost its jobs their lives.
    """
    attempts = [list(own) for number, own in groupby(events, key=lambda event: event.attempt) if number > 0]
    crashed = takewhile(_crashed, reversed(attempts))
    return sum(1 for _ in crashed) >= CRASHES


def _crashed(attempt: Sequence[Event]) -> bool:
    """Whether an attempt, from its start to where it was put back, looks like the job's own doing."""
    began = any(event.kind is EventKind.STAGE_STARTED for event in attempt)
    done = any(event.kind is EventKind.STAGE_FINISHED and event.data.get("outcome") == "done" for event in attempt)
    return began and not done and any(str(event.data.get("why", "")).startswith(_LOST) for event in attempt)


def _all_events(jobs: JobStore, job_id: str) -> list[Event]:
    found: list[Event] = []
    while page := jobs.events(job_id, after=found[-1].seq if found else 0, limit=_EVENTS):
        found += page
    return found
