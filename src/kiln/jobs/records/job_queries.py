"""What is asked of the jobs' records, within a transaction of the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from kiln.errors import InputError
from kiln.jobs.records.events import Event
from kiln.jobs.records.ids import is_id
from kiln.jobs.records.job import Job, Request, State
from kiln.jobs.records.job_rows import event_of, job_of
from kiln.jobs.records.tables import BATCHES, EVENTS, FILES, JOBS


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of a tenant's jobs, newest first."""

    jobs: tuple[Job, ...]
    cursor: str | None
    """Where the next page begins; None when there is none."""


def job_by_id(connection: Connection, job_id: str, *, tenant: str | None = None, lock: bool = False) -> Job:
    """A job; with a tenant, only if it is theirs. InputError when there is none."""
    query = select(JOBS).where(JOBS.c.id == job_id)
    if tenant is not None:
        query = query.where(JOBS.c.tenant == tenant)
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).mappings().one_or_none() if is_id(job_id) else None
    if row is None:
        raise InputError(f"there is no job {job_id[:80]!r}: `kiln jobs list` shows yours")
    return job_of(row)


def page_of(connection: Connection, tenant: str, *, cursor: str | None, limit: int, state: State | None) -> Page:
    """A tenant's newest jobs, below a cursor. It is a job's id, so it moves with no insert and tells nothing of other tenants."""
    conditions: list[ColumnElement[bool]] = [JOBS.c.tenant == tenant]
    if cursor is not None:
        conditions.append(JOBS.c.number < _number_of(connection, cursor, tenant))
    if state is not None:
        conditions.append(JOBS.c.state == state.value)
    jobs = jobs_of(connection, select(JOBS).where(*conditions).order_by(JOBS.c.number.desc()).limit(limit + 1))
    return Page(jobs=jobs[:limit], cursor=jobs[limit - 1].id if len(jobs) > limit else None)


def jobs_of(connection: Connection, query: Select[Any]) -> tuple[Job, ...]:
    """The jobs a query finds."""
    return tuple(job_of(row) for row in connection.execute(query).mappings())


def events_of(connection: Connection, job_id: str, *, after: int, limit: int) -> tuple[Event, ...]:
    """A job's events that are numbered above `after`, in order."""
    if not is_id(job_id):
        return ()
    query = select(EVENTS).where(EVENTS.c.job_id == job_id, EVENTS.c.seq > after).order_by(EVENTS.c.seq).limit(limit)
    return tuple(event_of(row) for row in connection.execute(query).mappings())


def check_batch(connection: Connection, batch_id: str, *, tenant: str) -> None:
    """InputError when the batch is not the tenant's."""
    mine = (BATCHES.c.id == batch_id, BATCHES.c.tenant == tenant)
    if not is_id(batch_id) or connection.execute(select(BATCHES.c.id).where(*mine)).one_or_none() is None:
        raise InputError(f"there is no batch {batch_id[:80]!r}: open one first")


def check_files(connection: Connection, request: Request, *, tenant: str) -> None:
    """InputError when a file that the request names is not the tenant's, any more. Whoever holds the tenant's row keeps them there."""
    named = {file_id for file_id in request.inputs.values() if is_id(file_id)}
    mine = select(FILES.c.id).where(FILES.c.tenant == tenant, FILES.c.id.in_(named))
    gone = named - set(connection.execute(mine).scalars()) if named else set()
    if gone:
        raise InputError(f"there is no file {min(gone)!r} (any more): upload it, and submit again")


def _number_of(connection: Connection, cursor: str, tenant: str) -> int:
    """The row number a cursor stands for. InputError when it is none of the tenant's."""
    query = select(JOBS.c.number).where(JOBS.c.id == cursor, JOBS.c.tenant == tenant)
    number = connection.execute(query).scalar_one_or_none() if is_id(cursor) else None
    if number is None:
        raise InputError(f"{cursor[:80]!r} is no cursor: begin again without one")
    return int(number)
