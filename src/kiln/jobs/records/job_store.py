"""The jobs' records. A change of state and the event that tells of it are one transaction, and only whoever holds the job may make it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from kiln.errors import ConflictError, InputError
from kiln.jobs.money import ledger
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.clock import Clock, SystemClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.fair_turns import next_turn
from kiln.jobs.records.job import Failure, Job, Progress, State
from kiln.jobs.records.job_changes import Step, change, move, take, told_of
from kiln.jobs.records.job_queries import Page, check_batch, check_files, events_of, job_by_id, jobs_of, page_of
from kiln.jobs.records.job_rows import failure_columns, progress_columns, row_of
from kiln.jobs.records.orders import KEY_LIFE_MS, Order, Receipt
from kiln.jobs.records.plain import canonical
from kiln.jobs.records.tables import IDEMPOTENCY_KEYS, JOBS
from kiln.jobs.records.telling import Said, tell
from kiln.jobs.records.tenants import lock_tenant
from kiln.jobs.telemetry import metrics
from kiln.jobs.telemetry.scrub import scrub

MAX_PAGE: Final = 200
_ADD_JOB: Final = JOBS.insert()
_LOG: Final = logging.getLogger(__name__)

_MAX_SENTENCE: Final = 1000
"""Characters: in an event each may take twelve bytes."""


class JobStore:
    """Jobs and their events in a database; safe to use from many threads and processes."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def submit(self, order: Order) -> Receipt:
        """Add a job in the state queued, and hold its price. Under a key that is not older than 24 h, the job it made instead.

        Raises ConflictError when the key made a job of another request, BudgetError when a budget or quota would be passed.
        """
        return self._database.write(lambda connection: self._submit(connection, order), repeatable=order.idempotency_key is not None)

    def submit_all(self, orders: Sequence[Order]) -> tuple[Receipt, ...]:
        """Add the jobs of a batch, all of them or none; one whose order has failed is failed at once. Otherwise as `submit`."""
        repeatable = all(order.idempotency_key is not None for order in orders)
        receipts = self._database.write(lambda connection: self._submit_all(connection, orders), repeatable=repeatable)
        for receipt in receipts:
            if receipt.created and receipt.job.state.terminal:
                _tell_of(receipt.job)
        return receipts

    def get(self, job_id: str, *, tenant: str | None = None) -> Job:
        """A job; with a tenant, only if it is theirs. InputError when there is none, which does not say whether somebody else has it."""
        return self._database.read(lambda connection: job_by_id(connection, job_id, tenant=tenant))

    def page(self, tenant: str, *, cursor: str | None = None, limit: int = 50, state: State | None = None) -> Page:
        """A tenant's jobs, newest first, from a cursor on: jobs submitted meanwhile move nothing. InputError for a cursor that is none."""
        if not 1 <= limit <= MAX_PAGE:
            raise InputError(f"a page of {limit} jobs: 1 to {MAX_PAGE} are given at once")
        return self._database.read(lambda connection: page_of(connection, tenant, cursor=cursor, limit=limit, state=state))

    def events(self, job_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """A job's events that are numbered above `after`, in order; none for a job that is not there."""
        return self._database.read(lambda connection: events_of(connection, job_id, after=after, limit=limit))

    def in_state(self, *states: State, executor_id: str | None = None) -> tuple[Job, ...]:
        """All tenants' jobs in these states, oldest first; with an executor, those it runs. For workers, not for listings."""
        query = select(JOBS).where(JOBS.c.state.in_([state.value for state in states])).order_by(JOBS.c.number)
        if not any(state.terminal for state in states):
            query = query.where(JOBS.c.ended_ms.is_(None))  # which has an index
        mine = query if executor_id is None else query.where(JOBS.c.executor_id == executor_id)
        return self._database.read(lambda connection: jobs_of(connection, mine))

    def start(self, job: Job, *, executor_id: str) -> Job:
        """Take a queued job for an executor; what comes back is its claim on it. ConflictError: somebody else was faster."""
        columns = {"executor_id": executor_id, "attempts": job.attempts + 1, "started_ms": self._clock.now_ms()}
        return self._move(job, Step(after=State.RUNNING, columns=columns, said={"executor": executor_id}))

    def take(self, job_id: str, *, executor_id: str) -> Job | None:
        """As `start`, by its id and in one step; None when it is not queued."""
        taken = self._database.write(lambda connection: take(connection, job_id, executor_id=executor_id, at_ms=self._clock.now_ms()))
        if taken is not None:
            _tell_of(taken)
        return taken

    def requeue(self, job: Job, *, why: str, suspects: int | None = None) -> Job:
        """Let a running job wait again, because its worker was lost or sent home. From now on, writes of the old attempt are refused.

        `suspects` says how many jobs may have cost a lost worker its life, this one included.
        """
        said = {"why": _sentence(why)} | ({} if suspects is None else {"suspects": suspects})
        return self._move(job, Step(after=State.QUEUED, said=said))

    def report(self, job: Job, kind: EventKind, *, progress: Progress | None = None, **data: Any) -> Job:
        """Append an event to a job in hand, and keep how far it is. ConflictError: the job is no longer as the caller knows it.

        Every call waits for the disk: a job should tell of its progress once or twice a second, not at every step.
        """
        if kind in (EventKind.STATE, EventKind.CHARGE):
            raise InputError(f"{kind} events come with the change they tell of, and cannot be reported")
        if job.state.terminal:
            raise ConflictError(f"{job.id} is {job.state}: nothing more is told of it")
        columns = progress_columns(progress) if progress else {}
        clean = {name: scrub(value) if isinstance(value, str) else value for name, value in data.items()}
        said: Said = (kind, {"stage": progress.stage, "share": progress.share, **clean} if progress else clean)
        told = self._database.write(lambda connection: change(connection, job, columns, [said], at_ms=self._clock.now_ms()))
        if kind is EventKind.STAGE_FINISHED:
            _LOG.info("%s %s", clean.get("stage", "a stage"), clean.get("outcome", "ended"), extra={"job": job.id, **_times_of(clean)})
        return told

    def succeed(self, job: Job, *, results: Mapping[str, str], measured: Iterable[Charge]) -> Job:
        """End a running job with keys of what it made, and settle what it cost."""
        charges = tuple(measured)
        ended = self._move(job, Step(after=State.SUCCEEDED, columns={"results": canonical(dict(results)), "share": 1.0}, measured=charges))
        metrics.job_charged(charges)
        return ended

    def fail(self, job: Job, failure: Failure) -> Job:
        """End a queued or running job without a result, and release what it held."""
        return self._move(job, _failed(failure))

    def ask_to_cancel(self, job_id: str, *, tenant: str | None = None) -> Job:
        """Cancel a queued job, or have a running one stopped: then it is cancelling until its worker says it has stopped.

        Asking again changes nothing. Raises ConflictError when the job has ended, InputError when there is none.
        """

        def write(connection: Connection) -> tuple[Job, bool]:
            job = job_by_id(connection, job_id, tenant=tenant, lock=True)
            if job.state in (State.CANCELLING, State.CANCELLED):
                return job, False
            after = State.CANCELLED if job.state is State.QUEUED else State.CANCELLING
            return move(connection, job, Step(after=after), at_ms=self._clock.now_ms()), True

        job, is_news = self._database.write(write, repeatable=True)
        if is_news:
            metrics.cancel_asked()
            _tell_of(job)
        return job

    def cancelled(self, job: Job) -> Job:
        """End a job that was to be cancelled and has stopped, and release what it held."""
        return self._move(job, Step(after=State.CANCELLED))

    def _move(self, job: Job, step: Step) -> Job:
        moved = self._database.write(lambda connection: move(connection, job, step, at_ms=self._clock.now_ms()))
        _tell_of(moved)
        return moved

    def _submit_all(self, connection: Connection, orders: Sequence[Order]) -> tuple[Receipt, ...]:
        """One after the other; those of one tenant and priority have turns in a row, which are looked up once."""
        turns: dict[tuple[str, int], int] = {}
        receipts = []
        for order in orders:
            line = order.tenant, order.priority
            if line not in turns:
                lock_tenant(connection, order.tenant)
                turns[line] = next_turn(connection, tenant=order.tenant, priority=order.priority)
            receipts.append(self._submit(connection, order, turn=turns[line]))
            turns[line] += 1
        return tuple(receipts)

    def _submit(self, connection: Connection, order: Order, *, turn: int | None = None) -> Receipt:
        """Within a transaction that holds the tenant's row from the start: looking for the key's job and adding it are one step."""
        now = self._clock.now_ms()
        lock_tenant(connection, order.tenant)
        made = _made_before(connection, order, now_ms=now)
        if made is not None:
            return Receipt(job=made, created=False)
        if order.batch_id is not None:
            check_batch(connection, order.batch_id, tenant=order.tenant)
        if order.failure is None:
            check_files(connection, order.request, tenant=order.tenant)
        warnings = ledger.admit(connection, tenant=order.tenant, charges=order.charges, at_ms=now) if order.charges else ()
        if turn is None:
            turn = next_turn(connection, tenant=order.tenant, priority=order.priority)
        job = order.as_job(now_ms=now, last_seq=1 + len(order.charges) + len(warnings), turn=turn)
        connection.execute(_ADD_JOB, row_of(job))
        entries = ledger.hold(connection, job_id=job.id, tenant=job.tenant, charges=order.charges, at_ms=now)
        queued: Said = (EventKind.STATE, {"state": job.state.value})
        warned: list[Said] = [(EventKind.WARNING, {"text": text}) for text in warnings]
        tell(connection, job, [queued, *told_of(entries), *warned], at_ms=now)
        if order.idempotency_key is not None:
            row = {"tenant": job.tenant, "key": order.idempotency_key, "job_id": job.id, "request_hash": job.request_hash}
            connection.execute(IDEMPOTENCY_KEYS.insert().values(**row, expires_ms=now + KEY_LIFE_MS))
        if order.failure is not None:
            job = move(connection, job, _failed(order.failure), at_ms=now)
        return Receipt(job=job, created=True, warnings=warnings)


def _made_before(connection: Connection, order: Order, *, now_ms: int) -> Job | None:
    """The job the order's key stands for; a key that is too old is forgotten. ConflictError when it stands for another request."""
    if order.idempotency_key is None:
        return None
    mine = (IDEMPOTENCY_KEYS.c.tenant == order.tenant, IDEMPOTENCY_KEYS.c.key == order.idempotency_key)
    row = connection.execute(select(IDEMPOTENCY_KEYS).where(*mine)).one_or_none()
    if row is None:
        return None
    if row.expires_ms <= now_ms:
        connection.execute(IDEMPOTENCY_KEYS.delete().where(*mine))
        return None
    if row.request_hash != order.request.sha256:
        raise ConflictError("this Idempotency-Key was used for another request less than 24 h ago: give every request a key of its own")
    return job_by_id(connection, row.job_id, tenant=order.tenant)


def _failed(failure: Failure) -> Step:
    clean = Failure(reason=failure.reason, message=_sentence(failure.message))
    said = {"reason": clean.reason.value, "message": clean.message}
    return Step(after=State.FAILED, columns=failure_columns(clean), said=said)


def _tell_of(job: Job) -> None:
    """Count a job's change of state, and write its line into the log."""
    metrics.job_moved(job)
    why = f": {job.failure.message}" if job.failure is not None else ""
    _LOG.info("%s is %s%s", job.id, job.state.value, why, extra={"job": job.id, "attempt": job.attempts})


def _times_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage's line in the log says besides its words."""
    ms = {"ms": round(said["ended_ms"] - said["began_ms"], 1)} if "ended_ms" in said and "began_ms" in said else {}
    return {"stage": said.get("stage"), "lane": said.get("lane"), **ms}


def _sentence(words: str) -> str:
    """Words for people, fit for every log and database: without secrets, controls or halves of characters, and not too long."""
    return scrub(words).encode("utf-8", "replace").decode("utf-8")[:_MAX_SENTENCE]
