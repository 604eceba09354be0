"""Running jobs are watched all together: one query a look, and each learns when it is no longer its worker's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import event

from kiln.errors import StorageError
from kiln.jobs.crew.job_watch import JobWatch
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order

PATIENCE_S = 60.0


@pytest.fixture
def watch(database: Database) -> Iterator[JobWatch]:
    opened = JobWatch(database, period_s=0.05)
    yield opened
    opened.close()


def started(store: JobStore) -> Job:
    return store.start(store.submit(Order(request=Request(recipe="prop"), tenant="studio")).job, executor_id="w1")


def test_each_learns_of_its_own_loss_alone(store: JobStore, watch: JobWatch) -> None:
    jobs = [started(store) for _ in range(4)]
    with ExitStack() as stack:
        cancelled, given_away, ended, kept = (stack.enter_context(watch.watching(job)) for job in jobs)
        store.ask_to_cancel(jobs[0].id)
        assert cancelled.wait(PATIENCE_S)
        store.start(store.requeue(jobs[1], why="its worker was lost"), executor_id="w2")
        assert given_away.wait(PATIENCE_S)
        store.succeed(jobs[2], results={}, measured=())
        assert ended.wait(PATIENCE_S)
        assert not kept.is_set()


def test_a_look_is_one_query_however_many_jobs_run(database: Database, store: JobStore, watch: JobWatch) -> None:
    jobs = [started(store) for _ in range(20)]
    queries: list[str] = []

    def count(_c: Any, _u: Any, statement: str, *_rest: Any) -> None:
        queries.append(statement)

    with ExitStack() as stack:
        losses = [stack.enter_context(watch.watching(job)) for job in jobs]
        event.listen(database.engine, "before_cursor_execute", count)
        store.ask_to_cancel(jobs[-1].id)
        assert losses[-1].wait(PATIENCE_S)
        event.remove(database.engine, "before_cursor_execute", count)
    looks = [statement for statement in queries if statement.startswith("SELECT") and "jobs.id IN" in statement]
    assert looks and all("request" not in statement for statement in looks)
    assert all(statement.count("IN (") == 1 for statement in looks)


def test_a_database_that_is_away_blinds_nobody_for_ever(
    database: Database, store: JobStore, watch: JobWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, read = started(store), database.read
    troubles: list[Exception] = [StorageError("away"), ZeroDivisionError()]

    def unsure(action: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return read(action)

    with watch.watching(job) as lost:
        store.ask_to_cancel(job.id)
        monkeypatch.setattr(database, "read", unsure)
        assert lost.wait(PATIENCE_S)


def test_who_is_not_watched_any_more_is_forgotten(store: JobStore, watch: JobWatch) -> None:
    job, other = started(store), started(store)
    with watch.watching(job) as gone:
        pass
    store.ask_to_cancel(job.id)
    with watch.watching(other) as lost:
        store.ask_to_cancel(other.id)
        assert lost.wait(PATIENCE_S)
    assert not gone.is_set()


def test_two_attempts_at_one_job_are_watched_side_by_side(store: JobStore, watch: JobWatch) -> None:
    old = started(store)
    with ExitStack() as both:
        lost = both.enter_context(watch.watching(old))
        new = store.start(store.requeue(old, why="its worker was lost"), executor_id="w1")
        with watch.watching(new) as kept:
            assert lost.wait(PATIENCE_S)
            both.close()
            store.ask_to_cancel(new.id)
            assert kept.wait(PATIENCE_S)
