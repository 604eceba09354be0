"""Fair turns: in which order queued jobs are begun, as a number that a job gets once, when it is submitted.

This is start-time fair queuing (Goyal, Vin and Cheng 1996): a job's turn is one after its tenant's last queued one, and not before the
smallest turn that still waits, so that having waited for nothing earns nothing. Of two tenants the one with 500 jobs and the one with 5
are thus served alternately. Priorities do not mix: each has turns of its own, and a lower one goes first, always. When nobody waits, turns
begin at 0 again, so that they stay small for ever.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, literal_column, select, tuple_

from kiln.jobs.records.job import PRIORITIES, Job
from kiln.jobs.records.tables import IS_QUEUED, JOBS

_TURNS: Final = 1 << 23
"""Turns that are told apart within a priority; whoever waits behind so many others keeps the order of submission."""


_OF: Final = {name: bindparam(name, type_=JOBS.c[name].type) for name in ("tenant", "priority")}
_FIRST: Final = select(JOBS.c.turn).where(IS_QUEUED, JOBS.c.priority == _OF["priority"]).order_by(JOBS.c.turn).limit(1)

_TENANTS_LINE: Final = (JOBS.c.tenant, JOBS.c.priority, JOBS.c.turn)
_TENANTS_LAST: Final = (
    select(JOBS.c.turn)
    .where(
        IS_QUEUED,
        tuple_(*_TENANTS_LINE) >= tuple_(_OF["tenant"], _OF["priority"], literal_column("0")),
        tuple_(*_TENANTS_LINE) < tuple_(_OF["tenant"], _OF["priority"] + 1, literal_column("0")),
    )
    .order_by(*(column.desc() for column in _TENANTS_LINE))
    .limit(1)
)
"""Asked for as a place in an index's order: of "tenant = and priority =", PostgreSQL may make a walk along everybody's jobs."""

_NOW_AND_LAST: Final = select(_FIRST.scalar_subquery().label("now"), _TENANTS_LAST.scalar_subquery().label("last"))


def next_turn(connection: Connection, *, tenant: str, priority: int) -> int:
    """The turn of a job that is submitted now. Two tenants at the same moment may get the same: then the older job goes first."""
    now, last = connection.execute(_NOW_AND_LAST, {"tenant": tenant, "priority": priority}).one()
    if now is None:
        return 0
    return int(now if last is None else max(now, last + 1))


def rank(job: Job) -> int:
    """Priority and turn as one number from 1 up, of which the smallest is begun first; it fits into 31 bits."""
    return 1 + (job.priority - PRIORITIES.start) * _TURNS + min(job.turn, _TURNS - 1)
