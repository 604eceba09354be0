from __future__ import annotations

from kiln.jobs.money.ledger import Ledger
from kiln.jobs.records.batches import BatchStore
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.keys import KeyRing, Scope
from kiln.jobs.records.lookups import Head, budget_of, has_keys, heads, jobs_of_batch, queue_position
from kiln.jobs.records.orders import Order


def submitted(store: JobStore, *, tenant: str = "a", priority: int = 0, batch_id: str | None = None) -> Job:
    return store.submit(Order(request=Request(recipe="prop"), tenant=tenant, priority=priority, batch_id=batch_id)).job


def test_heads_tell_how_far_many_jobs_are(database: Database, store: JobStore) -> None:
    jobs = [submitted(store) for _ in range(3)]
    store.ask_to_cancel(jobs[0].id)
    found = heads(database, [*(job.id for job in jobs), "job_" + "0" * 24, "no id\0"])
    assert found == {jobs[0].id: Head(seq=2, ended=True), jobs[1].id: Head(seq=1, ended=False), jobs[2].id: Head(seq=1, ended=False)}
    assert heads(database, [f"job_{number:024x}" for number in range(1200)]) == {}


def test_the_queue_is_by_priority_and_age(database: Database, store: JobStore) -> None:
    first, late, urgent, other = submitted(store), submitted(store), submitted(store, priority=-5), submitted(store, tenant="b")
    assert [queue_position(database, job) for job in (urgent, first, late, other)] == [0, 1, 2, 3]
    running = store.start(urgent, executor_id="me")
    assert [queue_position(database, job) for job in (running, first, late)] == [None, 0, 1]


def test_a_batchs_jobs_are_its_tenants(database: Database, store: JobStore) -> None:
    batch = BatchStore(database).open("a", size=2)
    jobs = [submitted(store, batch_id=batch.id).id for _ in range(2)]
    assert [job.id for job in jobs_of_batch(database, batch.id, tenant="a")] == jobs
    assert jobs_of_batch(database, batch.id, tenant="b") == jobs_of_batch(database, "\0", tenant="a") == ()


def test_keys_and_budgets_are_there_or_not(database: Database) -> None:
    assert not has_keys(database)
    made = KeyRing(database).issue("a", scopes=[Scope.READ])
    assert has_keys(database)
    KeyRing(database).revoke(made.record.id)
    assert not has_keys(database)
    assert budget_of(database, "a") is budget_of(database, "nobody") is None
    Ledger(database).set_budget("a", microdollars=5)
    assert budget_of(database, "a") == 5
