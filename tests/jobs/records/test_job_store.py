"""Jobs in the database: states move along the table, events have no gaps, keys make one job, late writers lose."""

from __future__ import annotations

import pytest

from jobs.checker import states_in
from jobs.stopped_clock import StoppedClock
from kiln.errors import ConflictError, InputError
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, Job, Progress, Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import KEY_LIFE_MS, Order

REQUEST = Request(recipe="prop", parameters={"simplify": {"triangles": 2000}}, inputs={"front": "uploads/1"})
OTHER = Request(recipe="prop", parameters={"simplify": {"triangles": 2001}}, inputs={"front": "uploads/1"})


def submitted(store: JobStore, **order: object) -> Job:
    return store.submit(Order(**({"request": REQUEST, "tenant": "studio"} | order))).job  # type: ignore[arg-type]


def test_a_job_comes_back_as_it_was_written(store: JobStore, clock: StoppedClock) -> None:
    job = submitted(store, priority=-5, idempotency_key="k", webhook_url="https://example.com/hook")
    assert store.get(job.id, tenant="studio") == job
    assert (job.request, job.state, job.created_ms, job.attempts) == (REQUEST, State.QUEUED, clock.at, 0)


def test_another_tenants_job_is_not_there(store: JobStore) -> None:
    job = submitted(store)
    with pytest.raises(InputError, match="there is no job"):
        store.get(job.id, tenant="rival")
    with pytest.raises(InputError, match="there is no job"):
        store.ask_to_cancel(job.id, tenant="rival")
    assert store.get(job.id).state is State.QUEUED


def test_a_life_is_told_without_gaps(store: JobStore) -> None:
    job = store.start(submitted(store), executor_id="one")
    job = store.report(job, EventKind.STAGE_STARTED, stage="simplify", lane="cpu0")
    job = store.report(job, EventKind.PROGRESS, progress=Progress(stage="simplify", share=0.5))
    job = store.succeed(job, results={"package": "results/1"}, measured=())
    events = store.events(job.id)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert states_in(events) == (State.QUEUED, State.RUNNING, State.SUCCEEDED)
    assert events[-1].kind is EventKind.STATE
    assert store.events(job.id, after=3) == events[3:]
    assert (job.progress.share, job.results["package"], store.get(job.id)) == (1.0, "results/1", job)


def test_a_late_writer_loses(store: JobStore) -> None:
    first = store.start(submitted(store), executor_id="lost")
    second = store.start(store.requeue(first, why="its worker was lost"), executor_id="found")
    for late in (
        lambda: store.succeed(first, results={}, measured=()),
        lambda: store.fail(first, Failure(reason=FailureReason.BACKEND, message="late")),
        lambda: store.report(first, EventKind.NOTE, text="late"),
        lambda: store.requeue(first, why="late"),
    ):
        with pytest.raises(ConflictError, match="running in attempt 2, no longer running in attempt 1"):
            late()
    done = store.succeed(second, results={"package": "p"}, measured=())
    assert store.get(done.id) == done
    assert states_in(store.events(done.id)) == (State.QUEUED, State.RUNNING, State.QUEUED, State.RUNNING, State.SUCCEEDED)


def test_cancel_before_during_and_after(store: JobStore) -> None:
    assert store.ask_to_cancel(submitted(store).id).state is State.CANCELLED
    running = store.start(submitted(store), executor_id="one")
    cancelling = store.ask_to_cancel(running.id)
    assert store.ask_to_cancel(running.id) == cancelling
    with pytest.raises(ConflictError):
        store.succeed(running, results={}, measured=())
    assert store.cancelled(cancelling).state is State.CANCELLED
    done = store.succeed(store.start(submitted(store), executor_id="one"), results={"a": "b"}, measured=())
    with pytest.raises(ConflictError, match="it has ended"):
        store.ask_to_cancel(done.id)
    assert store.get(done.id) == done


def test_a_failure_keeps_no_secret(store: JobStore) -> None:
    failed = store.fail(submitted(store), Failure(reason=FailureReason.SETUP, message="no way to http://me:hunter22@host/\x1b[2J"))
    assert failed.failure is not None
    assert failed.failure.reason is FailureReason.SETUP
    assert "hunter22" not in failed.failure.message + str(store.events(failed.id))
    assert "\x1b" not in failed.failure.message


def test_a_key_makes_one_job_for_a_day(store: JobStore, clock: StoppedClock) -> None:
    first = submitted(store, idempotency_key="k")
    again = store.submit(Order(request=REQUEST, tenant="studio", idempotency_key="k"))
    assert (again.job, again.created) == (first, False)
    with pytest.raises(ConflictError, match="another request"):
        submitted(store, request=OTHER, idempotency_key="k")
    assert submitted(store, tenant="rival", request=OTHER, idempotency_key="k").id != first.id
    clock.at += KEY_LIFE_MS - 1
    assert submitted(store, idempotency_key="k").id == first.id
    clock.at += 1
    renewed = submitted(store, request=OTHER, idempotency_key="k")
    assert renewed.id != first.id
    assert submitted(store, request=OTHER, idempotency_key="k").id == renewed.id


def test_pages_stand_still_while_jobs_come_in(store: JobStore) -> None:
    old = [submitted(store).id for _ in range(5)]
    submitted(store, tenant="rival")
    first = store.page("studio", limit=2)
    new = submitted(store).id
    second = store.page("studio", limit=2, cursor=first.cursor)
    third = store.page("studio", limit=2, cursor=second.cursor)
    assert [job.id for page in (first, second, third) for job in page.jobs] == old[::-1]
    assert third.cursor is None
    assert store.page("studio", limit=1).jobs[0].id == new
    with pytest.raises(InputError, match="no cursor"):
        store.page("rival", cursor=new)


def test_pages_by_state(store: JobStore) -> None:
    ended = store.ask_to_cancel(submitted(store).id)
    submitted(store)
    assert store.page("studio", state=State.CANCELLED).jobs == (ended,)
    assert store.in_state(State.CANCELLED, State.RUNNING) == (ended,)


@pytest.mark.parametrize("name", ["", "job_\x00", "job_" + "0" * 24, "job_\ud800", "x" * 10_000, "'; DROP TABLE jobs; --"])
def test_names_that_are_no_jobs(store: JobStore, name: str) -> None:
    for ask in (
        lambda: store.get(name),
        lambda: store.ask_to_cancel(name),
        lambda: store.page("studio", cursor=name),
        lambda: submitted(store, batch_id=name),
    ):
        with pytest.raises(InputError) as raised:
            ask()
        assert len(str(raised.value)) < 1000
    assert store.events(name) == ()


def test_words_of_every_kind_are_kept(store: JobStore) -> None:
    words = "\x00 \ud800 \U0001f600" + "\U0001f600" * 5000
    failed = store.fail(
        store.requeue(store.start(submitted(store), executor_id="e"), why=words), Failure(reason=FailureReason.OOM, message=words)
    )
    assert failed.failure is not None
    assert failed.failure.message.startswith("\\x00 ? \U0001f600")
    assert store.get(failed.id) == failed


def test_nothing_is_told_of_a_job_that_has_ended(store: JobStore) -> None:
    ended = store.ask_to_cancel(submitted(store).id)
    with pytest.raises(ConflictError, match="nothing more"):
        store.report(ended, EventKind.NOTE, text="late")
    with pytest.raises(InputError, match="cannot be reported"):
        store.report(submitted(store), EventKind.STATE, state="succeeded")


@pytest.mark.parametrize(
    "order",
    [
        {"priority": 101},
        {"idempotency_key": ""},
        {"idempotency_key": "a\x00"},
        {"tenant": "../x"},
        {"webhook_url": "http://plain.example"},
        {"webhook_url": "https://a b"},
    ],
)
def test_orders_that_are_refused(store: JobStore, order: dict[str, object]) -> None:
    with pytest.raises(InputError):
        submitted(store, **order)
    assert store.in_state(*State) == ()
