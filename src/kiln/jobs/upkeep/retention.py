"""How long the records of the job database are kept. What a job still needs, and what was paid, stays whatever the policy says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from kiln import settings
from kiln.errors import SetupError
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import State
from kiln.jobs.records.tables import EVENTS, FILES, FORGOTTEN, IDEMPOTENCY_KEYS, JOBS, WEBHOOKS
from kiln.jobs.records.tenants import lock_tenant

HOUR_MS: Final = 3600 * 1000
DAY_MS: Final = 24 * HOUR_MS

_LONGEST: Final = 1e6
"""Days or gigabytes; beyond it somebody meant something else."""

_AT_ONCE: Final = 500
"""Rows of one transaction: nobody else waits long for it."""

_FILE_ID: Final = re.compile(r"file_[0-9a-f]{24}")
_ENDED: Final = tuple(state.value for state in State if state.terminal)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long things are kept, in milliseconds; None: for ever."""

    uploads_ms: int = DAY_MS
    """An upload, from its last use on: when it came, or when the last job that names it ended."""

    stages_ms: int = 7 * DAY_MS
    """What a stage made, for other jobs to share, from when it was made on."""

    stages_bytes: int | None = None
    """All that stages have made, together; the oldest goes first. None: no limit."""

    artifacts_ms: int | None = None
    """What a job made, from its end on; what lies on the shelf stays."""

    events_ms: int | None = None
    """A job's events, from its end on. The job itself and what it cost stay."""

    webhooks_ms: int = 30 * DAY_MS
    """A webhook that was delivered or given up, from its job's end on."""

    workflows_ms: int = 7 * DAY_MS
    """The engine's rows of workflows that have ended."""

    young_ms: int = DAY_MS
    """No content that was put later than this is ever looked at: whoever put it may not have written down yet what for."""

    trash_ms: int = HOUR_MS
    """What nobody needs lies in the trash for so long at least."""


def usual_policy() -> Policy:
    """The policy that this machine's settings name, KILN_KEEP_...; see docs/storage.md. SetupError for a value that is none."""
    days = {name: _said(f"{name.upper()}_DAYS") for name in ("uploads", "stages", "artifacts", "events", "webhooks")}
    said = {f"{name}_ms": int(value * DAY_MS) for name, value in days.items() if value is not None}
    gigabytes = _said("STAGES_GB")
    return Policy(**said, stages_bytes=None if gigabytes is None else int(gigabytes * 1e9))


def _said(what: str) -> float | None:
    """A setting's number; None where nothing is said. Whoever means to keep a thing must not lose it to a typo."""
    text = settings.kept(what)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < _LONGEST:
        raise SetupError(f"KILN_KEEP_{what} is {text[:40]!r}: give a number above 0, or leave it out")
    return value


class Retention:
    """Forgets records of the job database; safe to use from several processes at once, and to be killed anywhere."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def forget_uploads(self, *, older_than_ms: int) -> int:
        """Forget uploads that came before then and that no job names which is not over, or was not before then; how many."""
        return self._forget_files(FILES.c.job_id.is_(None), older_than_ms, spare=())

    def forget_artifacts(self, *, older_than_ms: int, spare: Collection[str]) -> int:
        """Forget what jobs made that ended before then, unless another job names it, or its content is one of those to spare; how many."""
        return self._forget_files(FILES.c.job_id.in_(_ended_before(older_than_ms)), older_than_ms, spare=frozenset(spare))

    def forget_idempotency_keys(self) -> int:
        """Forget keys whose time is over; how many."""
        over = IDEMPOTENCY_KEYS.delete().where(IDEMPOTENCY_KEYS.c.expires_ms <= self._clock.now_ms())
        return self._database.write(lambda connection: connection.execute(over).rowcount)

    def forget_webhooks(self, *, older_than_ms: int) -> int:
        """Forget webhooks that were delivered or given up, of jobs that ended before then; how many."""
        done = WEBHOOKS.delete().where(WEBHOOKS.c.due_ms.is_(None), WEBHOOKS.c.job_id.in_(_ended_before(older_than_ms)))
        return self._database.write(lambda connection: connection.execute(done).rowcount)

    def forget_events(self, *, older_than_ms: int) -> int:
        """Forget the whole histories of jobs that ended before then, and write that down; of how many jobs."""
        known = select(FORGOTTEN.c.job_id)
        query = _ended_before(older_than_ms).where(JOBS.c.id.not_in(known)).order_by(JOBS.c.number).limit(_AT_ONCE)

        def write(connection: Connection) -> int:
            ids = connection.execute(query).scalars().all()
            if ids:
                now = self._clock.now_ms()
                connection.execute(FORGOTTEN.insert(), [{"job_id": job_id, "at_ms": now} for job_id in ids])
                connection.execute(EVENTS.delete().where(EVENTS.c.job_id.in_(ids)))
            return len(ids)

        return _until_none(lambda: self._database.write(write))

    def needed_keys(self, keys: Collection[str]) -> frozenset[str]:
        """Those of the keys whose content is a tenant's file."""

        def read(connection: Connection) -> frozenset[str]:
            found: set[str] = set()
            for some in _parts(keys):
                found.update(connection.execute(select(FILES.c.key).where(FILES.c.key.in_(some)).distinct()).scalars())
            return frozenset(found)

        return self._database.read(read)

    def oldest_begun_ms(self) -> int | None:
        """When the oldest job was submitted that was begun and is not over; None when there is none.

        Whatever was thrown away before then, no job can have found: nobody but such a job holds references to contents.
        """
        query = select(JOBS.c.created_ms).where(JOBS.c.state.not_in(_ENDED), JOBS.c.attempts > 0).order_by(JOBS.c.created_ms).limit(1)
        return self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    def _forget_files(self, which: ColumnElement[bool], older_than_ms: int, *, spare: Collection[str]) -> int:
        """Tenant by tenant: whoever submits a job holds the tenant's row meanwhile, so that none can come to name a file that goes."""
        old = and_(which, FILES.c.created_ms < older_than_ms)
        query = select(FILES.c.id, FILES.c.tenant, FILES.c.key).where(old).order_by(FILES.c.tenant, FILES.c.number)
        rows = [row for row in self._database.read(lambda connection: connection.execute(query).all()) if row.key not in spare]
        by_tenant: dict[str, list[str]] = {}
        for row in rows:
            by_tenant.setdefault(row.tenant, []).append(row.id)
        return sum(self._forget_some(tenant, some, older_than_ms) for tenant, ids in by_tenant.items() for some in _parts(ids))

    def _forget_some(self, tenant: str, ids: Collection[str], older_than_ms: int) -> int:
        def write(connection: Connection) -> int:
            lock_tenant(connection, tenant)
            unused = set(ids) - _named(connection, tenant, since_ms=older_than_ms)
            return connection.execute(FILES.delete().where(FILES.c.id.in_(unused))).rowcount if unused else 0

        return self._database.write(write)


def _named(connection: Connection, tenant: str, *, since_ms: int) -> set[str]:
    """Ids of files that a tenant's jobs name which are not over, or ended since then."""
    alive = or_(JOBS.c.state.not_in(_ENDED), JOBS.c.ended_ms >= since_ms)
    requests = connection.execute(select(JOBS.c.request).where(JOBS.c.tenant == tenant, alive)).scalars()
    return {found for request in requests for found in _FILE_ID.findall(request)}


def _ended_before(at_ms: int) -> Select[tuple[str]]:
    return select(JOBS.c.id).where(JOBS.c.ended_ms < at_ms)


def _parts(items: Collection[str]) -> Iterator[list[str]]:
    """The items, so many at a time as fit into one statement."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _until_none(work: Callable[[], int]) -> int:
    """How much was done in all, once there is nothing more to do."""
    done = 0
    while some := work():
        done += some
    return done
