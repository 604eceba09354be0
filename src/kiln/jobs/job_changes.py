"""How the jobs' records change, within a transaction of the caller's: the row, the events that tell of it and the ledger, all or nothing.

Nobody holds a lock while a stage runs. A change names the job as its writer knows it, state and attempt, and counts only while the row is
still like that: a writer that comes too late, of an attempt that was given up, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from kiln.errors import ConflictError
from kiln.jobs import ledger
from kiln.jobs.events import EventKind, checked_data
from kiln.jobs.job import Job, State, check_transition
from kiln.jobs.job_queries import job_by_id
from kiln.jobs.job_rows import job_of
from kiln.jobs.prices import Charge
from kiln.jobs.tables import EVENTS, JOBS, WEBHOOKS

Said = tuple[EventKind, Mapping[str, Any]]
"""An event before it has a number."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A change of state before it is made."""

    after: State
    columns: Mapping[str, Any] = field(default_factory=dict)
    """What else changes in the row."""

    said: Mapping[str, Any] = field(default_factory=dict)
    """What the event says besides the state."""

    measured: tuple[Charge, ...] | None = None
    """What the job cost, when this is its end; None: nothing, and what it held is released."""


def move(connection: Connection, job: Job, step: Step, *, at_ms: int) -> Job:
    """The job in another state, with its event. At its end the ledger is closed, and whoever waits for it will be told.

    Raises ConflictError when the table has no such change, or the job is no longer as the caller knows it.
    """
    check_transition(job.state, step.after)
    columns = {**step.columns, "state": step.after.value}
    told = (EventKind.STATE, {"state": step.after.value, **step.said})
    if not step.after.terminal:
        return change(connection, job, columns, [told], at_ms=at_ms)
    _lock(connection, job)
    entries = ledger.close(connection, job_id=job.id, tenant=job.tenant, measured=step.measured, at_ms=at_ms)
    ended = change(connection, job, {**columns, "ended_ms": at_ms}, [*told_of(entries), told], at_ms=at_ms)
    if ended.webhook_url is not None:
        row = {"job_id": ended.id, "seq": ended.last_seq, "url": ended.webhook_url, "tries": 0, "due_ms": at_ms}
        connection.execute(WEBHOOKS.insert().values(**row))
    return ended


def change(connection: Connection, job: Job, columns: Mapping[str, Any], said: Sequence[Said], *, at_ms: int) -> Job:
    """The job with other columns and new events. ConflictError when it is no longer as the caller knows it."""
    values = {**columns, "last_seq": JOBS.c.last_seq + len(said)}
    row = connection.execute(JOBS.update().where(*_as_known(job)).values(**values).returning(JOBS)).mappings().one_or_none()
    if row is None:
        raise _too_late(connection, job)
    changed = job_of(row)
    append(connection, changed, said, at_ms=at_ms)
    return changed


def take(connection: Connection, job_id: str, columns: Mapping[str, Any], *, at_ms: int) -> Job | None:
    """A job running that was queued, with its event, by its id alone; None when it is not queued."""
    values = {**columns, "state": State.RUNNING.value, "last_seq": JOBS.c.last_seq + 1}
    queued = (JOBS.c.id == job_id, JOBS.c.state == State.QUEUED.value)
    row = connection.execute(JOBS.update().where(*queued).values(**values).returning(JOBS)).mappings().one_or_none()
    if row is None:
        return None
    job = job_of(row)
    append(connection, job, [(EventKind.STATE, {"state": job.state.value, "executor": job.executor_id})], at_ms=at_ms)
    return job


def append(connection: Connection, job: Job, said: Sequence[Said], *, at_ms: int) -> None:
    """Write events, of which the last has the number that the job's row says."""
    same = {"job_id": job.id, "at_ms": at_ms, "attempt": job.attempts}
    first = job.last_seq - len(said) + 1
    rows = [{**same, "seq": seq, "kind": kind.value, "data": checked_data(data)} for seq, (kind, data) in enumerate(said, first)]
    connection.execute(EVENTS.insert(), rows)


def told_of(entries: Iterable[ledger.Entry]) -> list[Said]:
    """What the events of new lines of the ledger say."""
    names = ("kind", "item", "microdollars", "gpu_ms")
    return [(EventKind.CHARGE, {name: getattr(entry, name) for name in names}) for entry in entries]


def _as_known(job: Job) -> tuple[ColumnElement[bool], ...]:
    """That a job's row still is as the caller knows it: the same state, in the same attempt."""
    return JOBS.c.id == job.id, JOBS.c.state == job.state.value, JOBS.c.attempts == job.attempts


def _lock(connection: Connection, job: Job) -> None:
    """Hold a job's row, if it still is as the caller knows it: of two that end one job, the second must not get as far as the ledger."""
    if connection.execute(select(JOBS.c.id).where(*_as_known(job)).with_for_update()).one_or_none() is None:
        raise _too_late(connection, job)


def _too_late(connection: Connection, job: Job) -> ConflictError:
    """Why a change was refused: what the job is now."""
    now = job_by_id(connection, job.id)
    return ConflictError(
        f"{job.id} is {now.state} in attempt {now.attempts}, no longer {job.state} in attempt {job.attempts}: "
        "somebody else changed it, and this change is dropped"
    )
