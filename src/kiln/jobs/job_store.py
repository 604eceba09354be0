"""The jobs' records. A change of state and the event that tells of it are one transaction, and only whoever holds the job may make it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from kiln.errors import ConflictError, InputError
from kiln.jobs import ledger
from kiln.jobs.clock import Clock, SystemClock
from kiln.jobs.database import Database
from kiln.jobs.events import Event, EventKind, checked_data
from kiln.jobs.job import PRIORITIES, Failure, Job, Progress, Request, State, check_transition
from kiln.jobs.job_rows import event_of, failure_columns, job_of, progress_columns, row_of
from kiln.jobs.plain import canonical
from kiln.jobs.prices import Charge
from kiln.jobs.scrub import scrub
from kiln.jobs.tables import EVENTS, IDEMPOTENCY_KEYS, JOBS, WEBHOOKS
from kiln.jobs.tenants import add_tenant, lock_tenant

KEY_LIFE_MS: Final = 24 * 3600 * 1000
"""How long an idempotency key stands for the job it made."""

MAX_PAGE: Final = 200
_MAX_MESSAGE: Final = 4000
"""Characters of a failure's message."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request, who makes it, and under which conditions."""

    request: Request
    tenant: str
    charges: Sequence[Charge] = ()
    """What it is expected to cost; held until it ends."""

    priority: int = 0
    idempotency_key: str | None = None
    batch_id: str | None = None
    webhook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What came of an order."""

    job: Job
    created: bool
    """False: the key stood for this job already."""

    warnings: tuple[str, ...] = ()
    """Sentences about budgets and quotas that are nearly used up."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of a tenant's jobs, newest first."""

    jobs: tuple[Job, ...]
    cursor: str | None
    """Where the next page begins; None when there is none."""


class JobStore:
    """Jobs and their events in a database; safe to use from many threads and processes."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def submit(self, order: Order) -> Receipt:
        """Add a job in the state queued, and hold its price. Under a key that is not older than 24 h, the job it made instead.

        Raises ConflictError when the key made a job of another request, BudgetError when a budget or quota would be passed.
        """
        _check_order(order)
        return self._database.write(lambda connection: self._submit(connection, order))

    def get(self, job_id: str, *, tenant: str | None = None) -> Job:
        """A job; with a tenant, only if it is theirs. InputError when there is none, which does not say whether somebody else has it."""
        return self._database.read(lambda connection: _found(connection, job_id, tenant))

    def page(self, tenant: str, *, cursor: str | None = None, limit: int = 50, state: State | None = None) -> Page:
        """A tenant's jobs, newest first, from a cursor on: jobs submitted meanwhile move nothing. InputError for a cursor that is none."""
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page of {limit} jobs: 1 to {MAX_PAGE} are given at once")
        jobs = self._database.read(lambda connection: _page(connection, tenant, cursor, limit + 1, state))
        return Page(jobs=jobs[:limit], cursor=jobs[limit - 1].id if len(jobs) > limit else None)

    def events(self, job_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """A job's events that are numbered above `after`, in order."""
        query = select(EVENTS).where(EVENTS.c.job_id == job_id, EVENTS.c.seq > after).order_by(EVENTS.c.seq).limit(limit)
        return self._database.read(lambda connection: tuple(event_of(row) for row in connection.execute(query).mappings()))

    def in_state(self, *states: State, executor_id: str | None = None) -> tuple[Job, ...]:
        """All tenants' jobs in these states, oldest first; with an executor, those it runs. For workers, not for listings."""
        query = select(JOBS).where(JOBS.c.state.in_([state.value for state in states])).order_by(JOBS.c.number)
        if executor_id is not None:
            query = query.where(JOBS.c.executor_id == executor_id)
        return self._database.read(lambda connection: tuple(job_of(row) for row in connection.execute(query).mappings()))

    def start(self, job: Job, *, executor_id: str) -> Job:
        """Take a queued job for an executor; what comes back is its claim on it. ConflictError: somebody else was faster."""
        changes = {"executor_id": executor_id, "attempts": job.attempts + 1, "started_ms": self._clock.now_ms()}
        return self._move(job, State.RUNNING, changes=changes, said={"executor": executor_id})

    def requeue(self, job: Job, *, why: str) -> Job:
        """Let a running job wait again, because its worker was lost or sent home. From now on, writes of the old attempt are refused."""
        return self._move(job, State.QUEUED, said={"why": scrub(why)[:_MAX_MESSAGE]})

    def report(self, job: Job, kind: EventKind, *, progress: Progress | None = None, **data: Any) -> Job:
        """Append an event to a job in hand, and keep how far it is. ConflictError: the job is no longer as the caller knows it."""
        if kind in (EventKind.STATE, EventKind.CHARGE):
            raise InputError(f"{kind} events come with the change they tell of, and cannot be reported")
        changes = progress_columns(progress) if progress else {}
        said = {"stage": progress.stage, "share": progress.share, **data} if progress else data
        return self._database.write(lambda connection: self._change(connection, job, changes, kind, said))

    def succeed(self, job: Job, *, results: Mapping[str, str], measured: Iterable[Charge]) -> Job:
        """End a running job with keys of what it made, and settle what it cost."""
        return self._move(job, State.SUCCEEDED, changes={"results": canonical(dict(results))}, measured=tuple(measured))

    def fail(self, job: Job, failure: Failure) -> Job:
        """End a queued or running job without a result, and release what it held."""
        clean = replace(failure, message=scrub(failure.message)[:_MAX_MESSAGE])
        said = {"reason": clean.reason.value, "message": clean.message}
        return self._move(job, State.FAILED, changes=failure_columns(clean), said=said)

    def ask_to_cancel(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Cancel a queued job, or have a running one stopped: then it is cancelling until its worker says it has stopped.

        Asking again changes nothing. Raises ConflictError when the job has ended, InputError when there is none.
        """

        def write(connection: Connection) -> Job:
            job = _found(connection, job_id, tenant, lock=True)
            if job.state in (State.CANCELLING, State.CANCELLED):
                return job
            after = State.CANCELLED if job.state is State.QUEUED else State.CANCELLING
            return self._moved(connection, job, after, {}, {}, None)

        return self._database.write(write)

    def cancelled(self, job: Job) -> Job:
        """End a job that was to be cancelled and has stopped, and release what it held."""
        return self._move(job, State.CANCELLED)

    def _move(
        self,
        job: Job,
        after: State,
        *,
        changes: Mapping[str, Any] | None = None,
        said: Mapping[str, Any] | None = None,
        measured: tuple[Charge, ...] | None = None,
    ) -> Job:
        return self._database.write(lambda connection: self._moved(connection, job, after, changes or {}, said or {}, measured))

    def _moved(
        self,
        connection: Connection,
        job: Job,
        after: State,
        changes: Mapping[str, Any],
        said: Mapping[str, Any],
        measured: tuple[Charge, ...] | None,
    ) -> Job:
        """The job in another state, with its event. At its end, the ledger is closed before and whoever waits for it is told after."""
        check_transition(job.state, after)
        change = {**changes, "state": after.value}
        if not after.terminal:
            return self._change(connection, job, change, EventKind.STATE, {"state": after.value, **said})
        now = self._clock.now_ms()
        self._close_ledger(connection, job, measured, now)
        ended = self._change(connection, job, {**change, "ended_ms": now}, EventKind.STATE, {"state": after.value, **said})
        if ended.webhook_url is not None:
            row = {"job_id": ended.id, "seq": ended.last_seq, "url": ended.webhook_url, "tries": 0, "due_ms": now}
            connection.execute(WEBHOOKS.insert().values(**row))
        return ended

    def _close_ledger(self, connection: Connection, job: Job, measured: tuple[Charge, ...] | None, now_ms: int) -> None:
        """Settle or release, and tell it. The job's row is locked first: of two that end one job, the second must find it ended."""
        if connection.execute(select(JOBS.c.id).where(*_as_known(job)).with_for_update()).one_or_none() is None:
            raise _lost(connection, job)
        for entry in ledger.close(connection, job_id=job.id, tenant=job.tenant, measured=measured, at_ms=now_ms):
            self._change(connection, job, {}, EventKind.CHARGE, charge_data(entry))

    def _change(self, connection: Connection, job: Job, changes: Mapping[str, Any], kind: EventKind, said: Mapping[str, Any]) -> Job:
        """Change the row, if it still is as the caller knows it, and append the event that tells of it."""
        values = {**changes, "last_seq": JOBS.c.last_seq + 1}
        row = connection.execute(JOBS.update().where(*_as_known(job)).values(**values).returning(JOBS)).mappings().one_or_none()
        if row is None:
            raise _lost(connection, job)
        changed = job_of(row)
        event = {"job_id": job.id, "seq": changed.last_seq, "kind": kind.value, "at_ms": self._clock.now_ms(), "attempt": changed.attempts}
        connection.execute(EVENTS.insert().values(**event, data=checked_data(said)))
        return changed

    def _submit(self, connection: Connection, order: Order) -> Receipt:
        add_tenant(connection, order.tenant)
        lock_tenant(connection, order.tenant)
        made = self._made_before(connection, order)
        if made is not None:
            return Receipt(job=made, created=False)
        now = self._clock.now_ms()
        job = _new_job(order, now)
        connection.execute(JOBS.insert().values(**row_of(job)))
        warnings = ledger.hold(connection, job_id=job.id, tenant=job.tenant, charges=order.charges, at_ms=now)
        if order.idempotency_key is not None:
            row = {"tenant": job.tenant, "key": order.idempotency_key, "job_id": job.id, "request_hash": job.request_hash}
            connection.execute(IDEMPOTENCY_KEYS.insert().values(**row, expires_ms=now + KEY_LIFE_MS))
        job = self._change(connection, job, {}, EventKind.STATE, {"state": job.state.value})
        for entry in ledger.entries_of(connection, job.id) if order.charges else ():
            job = self._change(connection, job, {}, EventKind.CHARGE, charge_data(entry))
        for warning in warnings:
            job = self._change(connection, job, {}, EventKind.WARNING, {"text": warning})
        return Receipt(job=job, created=True, warnings=warnings)

    def _made_before(self, connection: Connection, order: Order) -> Job | None:
        """The job the order's key stands for; a key that is too old is forgotten. ConflictError when it stands for another request."""
        mine = (IDEMPOTENCY_KEYS.c.tenant == order.tenant, IDEMPOTENCY_KEYS.c.key == order.idempotency_key)
        row = connection.execute(select(IDEMPOTENCY_KEYS).where(*mine)).one_or_none() if order.idempotency_key is not None else None
        if row is None:
            return None
        if row.expires_ms <= self._clock.now_ms():
            connection.execute(IDEMPOTENCY_KEYS.delete().where(*mine))
            return None
        if row.request_hash != order.request.sha256:
            raise ConflictError("this Idempotency-Key was used for another request less than 24 h ago: give every request a key of its own")
        return _found(connection, row.job_id, order.tenant)


def charge_data(entry: ledger.Entry) -> dict[str, Any]:
    """What a CHARGE event says."""
    return {"kind": entry.kind, "item": entry.item, "microdollars": entry.microdollars, "gpu_ms": entry.gpu_ms}


def _as_known(job: Job) -> tuple[ColumnElement[bool], ...]:
    """That a job's row still is as the caller knows it: the same state, in the same attempt."""
    return JOBS.c.id == job.id, JOBS.c.state == job.state.value, JOBS.c.attempts == job.attempts


def _check_order(order: Order) -> None:
    if order.priority not in PRIORITIES:
        raise InputError(f"priority {order.priority} is not from {PRIORITIES.start} (first) to {PRIORITIES.stop - 1} (last)")
    if order.idempotency_key is not None and not _KEY.fullmatch(order.idempotency_key):
        raise InputError("an Idempotency-Key is 1 to 255 visible ASCII characters")


def _new_job(order: Order, now_ms: int) -> Job:
    return Job(
        id=f"job_{secrets.token_hex(12)}",
        tenant=order.tenant,
        request=order.request,
        request_hash=order.request.sha256,
        state=State.QUEUED,
        priority=order.priority,
        idempotency_key=order.idempotency_key,
        batch_id=order.batch_id,
        webhook_url=order.webhook_url,
        created_ms=now_ms,
    )


def _found(connection: Connection, job_id: str, tenant: str | None, *, lock: bool = False) -> Job:
    query = select(JOBS).where(JOBS.c.id == job_id)
    if tenant is not None:
        query = query.where(JOBS.c.tenant == tenant)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise InputError(f"there is no job {job_id[:80]!r}: `kiln jobs list` shows yours")
    return job_of(row)


def _page(connection: Connection, tenant: str, cursor: str | None, limit: int, state: State | None) -> tuple[Job, ...]:
    conditions: list[ColumnElement[bool]] = [JOBS.c.tenant == tenant]
    if cursor is not None:
        number = connection.execute(select(JOBS.c.number).where(JOBS.c.id == cursor, JOBS.c.tenant == tenant)).scalar_one_or_none()
        if number is None:
            raise InputError(f"{cursor[:80]!r} is no cursor: begin again without one")
        conditions.append(JOBS.c.number < number)
    if state is not None:
        conditions.append(JOBS.c.state == state.value)
    query = select(JOBS).where(*conditions).order_by(JOBS.c.number.desc()).limit(limit)
    return tuple(job_of(row) for row in connection.execute(query).mappings())


def _lost(connection: Connection, job: Job) -> ConflictError:
    """Why a change was refused: what the job is now."""
    now = _found(connection, job.id, None)
    return ConflictError(
        f"{job.id} is {now.state} in attempt {now.attempts}, no longer {job.state} in attempt {job.attempts}: "
        "somebody else changed it, and this change is dropped"
    )
