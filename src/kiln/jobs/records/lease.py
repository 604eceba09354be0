"""A lease on a chore that one process does for all."""

from __future__ import annotations

from sqlalchemy import Connection

from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import LEASES
from kiln.jobs.records.upsert import insert_if_absent


def take_lease(database: Database, name: str, *, for_ms: int, clock: Clock | None = None) -> bool:
    """Whether the caller has it for that long; whoever dies with it is waited for no longer than that.

    The clocks of machines differ: a lease saves doing a chore twice, and no more. A clock that was set back cannot hold one for ever.
    """
    now = (clock or SystemClock()).now_ms()

    def write(connection: Connection) -> bool:
        insert_if_absent(connection, LEASES, name=name, until_ms=0)
        is_free = (LEASES.c.until_ms <= now) | (LEASES.c.until_ms > now + for_ms)
        taken = LEASES.update().where(LEASES.c.name == name, is_free).values(until_ms=now + for_ms)
        return connection.execute(taken.returning(LEASES.c.name)).one_or_none() is not None

    return database.write(write)
