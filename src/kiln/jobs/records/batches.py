"""Batches: jobs that were submitted together, and how they stand as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kiln.errors import InputError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.ids import is_id, new_id
from kiln.jobs.records.job import State
from kiln.jobs.records.tables import BATCHES, JOBS
from kiln.jobs.records.tenants import add_tenant


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One batch as it stood when it was read."""

    id: str
    tenant: str
    size: int
    """How many jobs it is to have."""

    created_ms: int
    """Milliseconds since 1970 in UTC."""

    counts: Mapping[State, int]
    """How many of its jobs are in each state; states without any are left out."""

    @property
    def ended(self) -> bool:
        """Whether all its jobs were submitted and have ended."""
        return sum(count for state, count in self.counts.items() if state.terminal) == self.size


class BatchStore:
    """The batches in a database; a job joins one by its order's `batch_id`."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def open(self, tenant: str, *, size: int) -> Batch:
        """A batch that waits for its jobs. InputError when it is to have none."""
        if size < 1:
            raise InputError(f"a batch of {size} jobs: give at least one")
        batch = Batch(id=new_id("batch"), tenant=tenant, size=size, created_ms=self._clock.now_ms(), counts={})

        def write(connection: Connection) -> None:
            add_tenant(connection, tenant)
            connection.execute(BATCHES.insert().values(id=batch.id, tenant=tenant, size=size, created_ms=batch.created_ms))

        self._database.write(write)
        return batch

    def get(self, batch_id: str, *, tenant: str) -> Batch:
        """A tenant's batch. InputError when there is none."""

        def read(connection: Connection) -> Batch:
            mine = (BATCHES.c.id == batch_id, BATCHES.c.tenant == tenant)
            row = connection.execute(select(BATCHES).where(*mine)).mappings().one_or_none() if is_id(batch_id) else None
            if row is None:
                raise InputError(f"there is no batch {batch_id[:80]!r}")
            counted = select(JOBS.c.state, func.count()).where(JOBS.c.batch_id == batch_id).group_by(JOBS.c.state)
            counts = {State(state): count for state, count in connection.execute(counted)}
            return Batch(**row, counts=counts)

        return self._database.read(read)
