"""The ledger: held once, settled or released once, never beyond a budget or a day's quota."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DatabaseError

from jobs.stopped_clock import StoppedClock
from kiln.errors import BudgetError, ConflictError, InputError
from kiln.jobs.money import ledger
from kiln.jobs.money.ledger import Ledger, Use, day_of
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.tables import LEDGER

DAY_MS = 24 * 3600 * 1000
PRICE = (Charge(item="sam3d", microdollars=100, gpu_ms=30_000),)


@pytest.fixture
def books(database: Database) -> Ledger:
    return Ledger(database)


def submit(store: JobStore, tenant: str = "studio", charges: tuple[Charge, ...] = PRICE) -> Job:
    return store.submit(Order(request=Request(recipe="prop"), tenant=tenant, charges=charges)).job


def test_held_then_settled_to_what_was_measured(store: JobStore, books: Ledger, clock: StoppedClock) -> None:
    job = submit(store)
    assert books.spent("studio") == 100
    store.succeed(store.start(job, executor_id="e"), results={}, measured=[Charge(item="sam3d", microdollars=70, gpu_ms=21_000)])
    assert [(entry.kind, entry.microdollars, entry.gpu_ms) for entry in books.entries(job.id)] == [
        ("hold", 100, 30_000),
        ("settle", -30, -9_000),
    ]
    assert books.use("studio", since="2000-01-01") == (Use(day=day_of(clock.at), item="sam3d", microdollars=70, gpu_ms=21_000),)


def test_a_backend_that_was_not_planned_is_charged(store: JobStore, books: Ledger) -> None:
    job = store.start(submit(store), executor_id="e")
    store.succeed(job, results={}, measured=[Charge(item="spare", microdollars=7, gpu_ms=1)])
    assert [(entry.item, entry.microdollars) for entry in books.entries(job.id)] == [("sam3d", 100), ("sam3d", -100), ("spare", 7)]


def test_failed_and_cancelled_jobs_cost_nothing(store: JobStore, books: Ledger) -> None:
    store.fail(store.start(submit(store), executor_id="e"), Failure(reason=FailureReason.OOM, message="too large"))
    store.ask_to_cancel(submit(store).id)
    store.cancelled(store.ask_to_cancel(store.start(submit(store), executor_id="e").id))
    assert books.spent("studio") == 0


def test_a_job_that_was_started_again_is_charged_once(store: JobStore, books: Ledger) -> None:
    lost = store.start(submit(store), executor_id="lost")
    found = store.start(store.requeue(lost, why="lost"), executor_id="found")
    store.succeed(found, results={}, measured=PRICE)
    with pytest.raises(ConflictError):
        store.succeed(lost, results={}, measured=PRICE)
    assert books.spent("studio") == 100


@pytest.mark.parametrize("measured", [None, PRICE])
def test_the_database_itself_refuses_to_close_twice(
    store: JobStore, database: Database, clock: StoppedClock, measured: tuple[Charge, ...] | None
) -> None:
    job = store.ask_to_cancel(submit(store).id)
    held = [entry for entry in ledger.Ledger(database).entries(job.id) if entry.kind == "hold"]
    again = {"job_id": job.id, "tenant": job.tenant, "held": held, "measured": measured, "at_ms": clock.at}
    with pytest.raises(DatabaseError):
        database.write(lambda connection: ledger.close(connection, **again))


def test_the_database_itself_refuses_to_change_the_past(store: JobStore, database: Database) -> None:
    submit(store)
    for statement in (LEDGER.update().values(microdollars=0), LEDGER.delete()):
        with pytest.raises(DatabaseError, match="ledger is append-only"):
            database.write(lambda connection, statement=statement: connection.execute(statement))


def test_a_budget_warns_and_then_refuses(store: JobStore, books: Ledger) -> None:
    books.set_budget("studio", microdollars=500)
    receipts = [store.submit(Order(request=Request(recipe="prop"), tenant="studio", charges=PRICE)) for _ in range(5)]
    assert [receipt.warnings for receipt in receipts] == [
        (),
        (),
        (),
        ("80 % of the budget is used or held",),
        ("100 % of the budget is used or held",),
    ]
    assert store.events(receipts[3].job.id)[-1].kind is EventKind.WARNING
    with pytest.raises(BudgetError, match=r"this costs \$0.0001, and of the budget of \$0.0005 only \$0 are left"):
        submit(store)
    assert len(store.in_state(State.QUEUED)) == 5
    submit(store, charges=())
    submit(store, tenant="rival")
    store.ask_to_cancel(receipts[0].job.id)
    submit(store)


def test_a_days_quota_is_each_tenants_or_everybodys(store: JobStore, books: Ledger, clock: StoppedClock) -> None:
    books.set_quota("sam3d", gpu_ms_a_day=60_000, tenant="studio")
    books.set_quota("sam3d", gpu_ms_a_day=90_000)
    submit(store)
    submit(store)
    with pytest.raises(BudgetError, match="of today's 60 s only 0 s are left"):
        submit(store)
    submit(store, tenant="rival")
    with pytest.raises(BudgetError, match="of today's 90 s"):
        submit(store, tenant="rival")
    submit(store, tenant="rival", charges=(Charge(item="other", microdollars=1, gpu_ms=10**9),))
    clock.at += DAY_MS
    submit(store)


def test_what_is_given_back_goes_to_the_day_it_came_from(store: JobStore, books: Ledger, clock: StoppedClock) -> None:
    books.set_quota("sam3d", gpu_ms_a_day=30_000)
    job = submit(store)
    clock.at += DAY_MS
    submit(store)
    store.ask_to_cancel(job.id)
    with pytest.raises(BudgetError):
        submit(store)


def test_a_backend_is_charged_once_at_a_time(store: JobStore, books: Ledger) -> None:
    with pytest.raises(InputError, match="charged twice at once"):
        submit(store, charges=(*PRICE, *PRICE))
    job = store.start(submit(store), executor_id="e")
    with pytest.raises(InputError, match="charged twice at once"):
        store.succeed(job, results={}, measured=[*PRICE, *PRICE])
    assert (store.get(job.id).state, books.spent("studio")) == (State.RUNNING, 100)


def test_lifted_limits_limit_nothing(store: JobStore, books: Ledger) -> None:
    books.set_budget("studio", microdollars=0)
    books.set_quota("sam3d", gpu_ms_a_day=0)
    with pytest.raises(BudgetError):
        submit(store)
    books.set_budget("studio", microdollars=None)
    books.set_quota("sam3d", gpu_ms_a_day=None)
    submit(store)
