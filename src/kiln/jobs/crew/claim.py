"""Claiming a job: what a worker that is handed one does first, whatever the job has been through.

A worker is handed a job only when nobody else runs it. So a job that says it is running was lost with the worker that ran it: it is put
back and begun again under a new attempt, and from then on that worker's writes are refused, should it wake up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import groupby, takewhile
from typing import Final

from kiln.errors import ConflictError, StorageError
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, State
from kiln.jobs.records.job_store import JobStore

MOST_BLAME: Final = 2
"""For lost workers: a job that has more is poison. Who was alone at a stage has it with the third loss, one of two with the fifth."""

_LOST: Final = "its worker was lost"
"""Why a job is put back; what begins otherwise was no crash, such as a worker that was sent home."""

_EVENTS: Final = 1000
"""Read at a time."""

_LOG: Final = logging.getLogger(__name__)


def claim(jobs: JobStore, job_id: str, *, executor_id: str) -> Job | None:
    """The job under a new attempt of this executor's, or as it is where it is being cancelled and only has to be ended.

    None when nothing is left to do: it has ended, or is poison. Raises ConflictError when somebody else was faster, InputError when there
    is no such job.
    """
    taken = jobs.take(job_id, executor_id=executor_id)
    if taken is not None:
        return taken
    job = jobs.get(job_id)
    if job.state is State.RUNNING:
        waiting = _put_back(jobs, job, suspects=1)
        return waiting and jobs.start(waiting, executor_id=executor_id)
    return job if job.state is State.CANCELLING else None


def put_back_lost(jobs: JobStore, executor_id: str) -> None:
    """Let the jobs wait again that ran on a worker which was lost, or fail those that are poison.

    All at once, because only now it is known how many were at a stage when it was lost, and so share the blame for it.
    """
    try:
        lost = jobs.in_state(State.RUNNING, State.CANCELLING, executor_id=executor_id)
        at_stage = sum(_is_at_stage(_all_events(jobs, job.id), job.attempts) for job in lost)
        for job in lost:
            if job.state is State.RUNNING:
                with suppress(ConflictError):  # somebody was faster, or the worker was only slow
                    _put_back(jobs, job, suspects=max(1, at_stage))
    except StorageError:  # such as one damaged record, for which the others must not wait: `claim` puts back what is left
        _LOG.exception("not all jobs of the lost worker %s could be put back at once", executor_id)


def is_poison(events: Iterable[Event]) -> bool:
    """Whether a job's newest attempts each began a stage, finished none, and ended with the loss of their worker, too often for chance.

    An attempt that finished a stage got somewhere, and one that never began a stage did nothing that could kill: neither counts. Jobs that
    were at a stage side by side share the blame. So a worker that is killed every few seconds by somebody else rarely costs its jobs their
    lives, and a job that kills it is found out nevertheless.
    """
    return sum(_blames(events)) > MOST_BLAME


def _put_back(jobs: JobStore, job: Job, *, suspects: int) -> Job | None:
    """A lost job, waiting again; None when it is poison."""
    waiting = jobs.requeue(job, why=f"{_LOST} ({job.executor_id})", suspects=suspects)
    events = _all_events(jobs, job.id)
    if not is_poison(events):
        return waiting
    message = f"crashed its worker {len(_blames(events))} times: it is not tried again"
    jobs.fail(waiting, Failure(reason=FailureReason.CRASHED, message=message))
    return None


def _blames(events: Iterable[Event]) -> list[Fraction]:
    """The job's share of the blame for each of its newest attempts, back to the last that got somewhere."""
    attempts = [list(own) for number, own in groupby(events, key=lambda event: event.attempt) if number > 0]
    return [_blame(attempt) for attempt in takewhile(_crashed, reversed(attempts))]


def _blame(attempt: Sequence[Event]) -> Fraction:
    return Fraction(1, max(int(event.data.get("suspects", 1)) for event in attempt))


def _crashed(attempt: Sequence[Event]) -> bool:
    """Whether an attempt, from its start to where it was put back, looks like the job's own doing."""
    began = any(event.kind is EventKind.STAGE_STARTED for event in attempt)
    done = any(event.kind is EventKind.STAGE_FINISHED and event.data.get("outcome") == "done" for event in attempt)
    return began and not done and any(str(event.data.get("why", "")).startswith(_LOST) for event in attempt)


def _is_at_stage(events: Iterable[Event], attempt: int) -> bool:
    """Whether some stage that an attempt began in a lane has not ended."""
    told = [event.kind for event in events if event.attempt == attempt and event.data.get("lane")]
    return told.count(EventKind.STAGE_STARTED) > told.count(EventKind.STAGE_FINISHED)


def _all_events(jobs: JobStore, job_id: str) -> list[Event]:
    found: list[Event] = []
    while page := jobs.events(job_id, after=found[-1].seq if found else 0, limit=_EVENTS):
        found += page
    return found
