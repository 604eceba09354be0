"""What faces ask of the records beside the jobs themselves: each a single query that is cheap however many jobs there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select

from kiln.jobs.records.database import Database
from kiln.jobs.records.ids import is_id
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_queries import jobs_of
from kiln.jobs.records.tables import API_KEYS, JOBS, TENANTS

_AT_ONCE: Final = 500
"""Ids in one query: databases take a few thousand at most."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """How far a job's events have come."""

    seq: int
    """Of its newest event."""

    ended: bool
    """Whether no more will follow."""


def heads(database: Database, job_ids: Collection[str]) -> Mapping[str, Head]:
    """How far the events of many jobs have come; those that are not there are left out."""
    ids = sorted(filter(is_id, job_ids))
    found: dict[str, Head] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(JOBS.c.id, JOBS.c.last_seq, JOBS.c.state).where(JOBS.c.id.in_(ids[start : start + _AT_ONCE]))
        rows = database.read(lambda connection, query=query: connection.execute(query).all())  # type: ignore[misc]
        found |= {job_id: Head(seq=seq, ended=State(state).terminal) for job_id, seq, state in rows}
    return found


def queue_position(database: Database, job: Job) -> int | None:
    """How many queued jobs go first, whoever they belong to; None for a job that is not queued.

    By priority and age alone: a worker also sees to it that no tenant waits for all of another's jobs.
    """
    if job.state is not State.QUEUED:
        return None
    mine = select(JOBS.c.number).where(JOBS.c.id == job.id).scalar_subquery()
    first = or_(JOBS.c.priority < job.priority, and_(JOBS.c.priority == job.priority, JOBS.c.number < mine))
    return _count(database, JOBS.c.state == State.QUEUED.value, first)


def jobs_of_batch(database: Database, batch_id: str, *, tenant: str) -> tuple[Job, ...]:
    """A tenant's jobs of a batch, in the order of its manifest."""
    if not is_id(batch_id):
        return ()
    query = select(JOBS).where(JOBS.c.batch_id == batch_id, JOBS.c.tenant == tenant).order_by(JOBS.c.number)
    return database.read(lambda connection: jobs_of(connection, query))


def budget_of(database: Database, tenant: str) -> int | None:
    """Micro-dollars a tenant may spend in all; None for no limit."""
    query = select(TENANTS.c.budget_microdollars).where(TENANTS.c.tenant == tenant)
    return database.read(lambda connection: connection.execute(query).scalar_one_or_none())


def has_keys(database: Database) -> bool:
    """Whether anybody was ever given an API key that was not revoked: from then on, everybody needs one."""
    query = select(API_KEYS.c.id).where(API_KEYS.c.revoked_ms.is_(None)).limit(1)
    return database.read(lambda connection: connection.execute(query).first()) is not None


def _count(database: Database, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(JOBS).where(*conditions)
    return int(database.read(lambda connection: connection.execute(query).scalar_one()))
