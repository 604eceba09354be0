"""How the jobs' records change, within a transaction of the caller's: the row, the events that tell of it and the ledger, all or nothing.

Nobody holds a lock while a stage runs. A change names the job as its writer knows it, state and attempt, and counts only while the row is
still like that: a writer that comes too late, of an attempt that was given up, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Update, and_, bindparam, select

from kiln.errors import ConflictError
from kiln.jobs.money import ledger
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.job import Job, State, check_transition
from kiln.jobs.records.job_queries import job_by_id
from kiln.jobs.records.tables import JOBS, LEDGER, WEBHOOKS
from kiln.jobs.records.telling import MORE, Said, update_and_tell

_NEW: Final = "new_"
_KNOWN: Final = ("id", "state", "attempts")


def _given(prefix: str, name: str) -> BindParameter[Any]:
    """What is put in for a column when the statement is executed."""
    return bindparam(prefix + name, type_=JOBS.c[name].type)


def _is_known(*names: str) -> ColumnElement[bool]:
    return and_(*(JOBS.c[name] == _given("known_", name) for name in names))


def _update(*known: str) -> Update:
    return JOBS.update().where(_is_known(*known)).values(last_seq=JOBS.c.last_seq + MORE).returning(JOBS)


_TAKING: Final = _update("id", "state").values(
    {name: _given(_NEW, name) for name in ("state", "executor_id", "started_ms")} | {"attempts": JOBS.c.attempts + 1}
)
_LOCKING: Final = (
    select(LEDGER)
    .select_from(JOBS.outerjoin(LEDGER, and_(LEDGER.c.job_id == JOBS.c.id, LEDGER.c.kind == "hold")))
    .where(_is_known(*_KNOWN))
    .with_for_update(of=JOBS, key_share=True)
)


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
    held = _lock(connection, job)
    entries = ledger.close(connection, job_id=job.id, tenant=job.tenant, held=held, measured=step.measured, at_ms=at_ms)
    ended = change(connection, job, {**columns, "ended_ms": at_ms}, [*told_of(entries), told], at_ms=at_ms)
    if ended.webhook_url is not None:
        row = {"job_id": ended.id, "seq": ended.last_seq, "url": ended.webhook_url, "tries": 0, "due_ms": at_ms}
        connection.execute(WEBHOOKS.insert().values(**row))
    return ended


def change(connection: Connection, job: Job, columns: Mapping[str, Any], said: Sequence[Said], *, at_ms: int) -> Job:
    """The job with other columns and new events. ConflictError when it is no longer as the caller knows it."""
    given = {**_as_known(job), **{_NEW + name: value for name, value in columns.items()}}
    changed = update_and_tell(connection, _changing(tuple(columns)), given, said, at_ms=at_ms)
    if changed is None:
        raise _too_late(connection, job)
    return changed


def take(connection: Connection, job_id: str, *, executor_id: str, at_ms: int) -> Job | None:
    """A job running that was queued, with its event, by its id alone; None when it is not queued."""
    given = {
        "known_id": job_id,
        "known_state": State.QUEUED.value,
        "new_state": State.RUNNING.value,
        "new_executor_id": executor_id,
        "new_started_ms": at_ms,
    }
    said = (EventKind.STATE, {"state": State.RUNNING.value, "executor": executor_id})
    return update_and_tell(connection, _TAKING, given, [said], at_ms=at_ms)


def told_of(entries: Iterable[ledger.Entry]) -> list[Said]:
    """What the events of new lines of the ledger say."""
    names = ("kind", "item", "microdollars", "gpu_ms")
    return [(EventKind.CHARGE, {name: getattr(entry, name) for name in names}) for entry in entries]


def _as_known(job: Job) -> dict[str, Any]:
    """What says in a statement that a job's row still is as the caller knows it: the same state, in the same attempt."""
    return {"known_id": job.id, "known_state": job.state.value, "known_attempts": job.attempts}


@cache
def _changing(names: tuple[str, ...]) -> Update:
    """The statement that changes these columns of a job that is as its writer knows it; made once, because that takes long."""
    return _update(*_KNOWN).values({name: _given(_NEW, name) for name in names})


def _lock(connection: Connection, job: Job) -> tuple[ledger.Entry, ...]:
    """Hold a job's row, if it still is as the caller knows it: of two that end one job, the second must not get as far as the ledger.

    What the job held comes back; it was written with the row itself.
    """
    rows = connection.execute(_LOCKING, _as_known(job)).mappings().all()
    if not rows:
        raise _too_late(connection, job)
    return tuple(ledger.entry_of(row) for row in rows if row["item"] is not None)


def _too_late(connection: Connection, job: Job) -> ConflictError:
    """Why a change was refused: what the job is now."""
    now = job_by_id(connection, job.id)
    return ConflictError(
        f"{job.id} is {now.state} in attempt {now.attempts}, no longer {job.state} in attempt {job.attempts}: "
        "somebody else changed it, and this change is dropped"
    )
