"""What a worker does with a job it is handed, whatever it has been through."""

from __future__ import annotations

import pytest

from jobs.rig import order
from kiln.errors import ConflictError
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.work.claim import claim, is_poison

STARTED = (EventKind.STAGE_STARTED, {"stage": "bake", "lane": "cpu0"})
DONE = (EventKind.STAGE_FINISHED, {"stage": "bake", "lane": "cpu0", "outcome": "done"})
SHARED = (EventKind.STAGE_FINISHED, {"stage": "bake", "lane": "cpu0", "outcome": "shared"})
LOST = (EventKind.STATE, {"state": "queued", "why": "its worker was lost (w1)"})
HOME = (EventKind.STATE, {"state": "queued", "why": "its worker was sent home"})
CRASH = (STARTED, LOST)


def history(*attempts: tuple[tuple[EventKind, dict[str, str]], ...]) -> list[Event]:
    told = [(0, (EventKind.STATE, {"state": "queued"}))]
    for number, attempt in enumerate(attempts, 1):
        told += [(number, event) for event in ((EventKind.STATE, {"state": "running"}), *attempt)]
    return [Event(job_id="job_x", seq=seq, kind=kind, at_ms=0, attempt=of, data=data) for seq, (of, (kind, data)) in enumerate(told, 1)]


@pytest.mark.parametrize(
    ("attempts", "poison"),
    [
        ((), False),
        ((CRASH, CRASH), False),
        ((CRASH, CRASH, CRASH), True),
        (((STARTED, DONE, LOST), CRASH, CRASH, CRASH), True),
        ((CRASH, CRASH, (SHARED, *CRASH)), True),  # what was found finished is no progress
        ((CRASH, (STARTED, DONE, STARTED, LOST), CRASH, CRASH), False),
        ((CRASH, CRASH, (LOST,)), False),  # killed before it began a stage
        ((CRASH, CRASH, (STARTED, HOME)), False),
        (((LOST,),) * 20, False),
    ],
)
def test_what_is_poison(attempts: tuple[tuple[tuple[EventKind, dict[str, str]], ...], ...], poison: bool) -> None:
    assert is_poison(history(*attempts)) is poison


def test_a_queued_job_is_begun(store: JobStore) -> None:
    job = claim(store, store.submit(order()).job.id, executor_id="w1")
    assert (job.state, job.attempts, job.executor_id) == (State.RUNNING, 1, "w1")


def test_a_lost_job_is_begun_anew_and_its_old_worker_refused(store: JobStore) -> None:
    old = claim(store, store.submit(order()).job.id, executor_id="w1")
    new = claim(store, old.id, executor_id="w2")
    assert (new.state, new.attempts, new.executor_id) == (State.RUNNING, 2, "w2")
    with pytest.raises(ConflictError):
        store.succeed(old, results={}, measured=())


def test_nothing_is_left_to_do(store: JobStore) -> None:
    queued = store.submit(order()).job
    store.ask_to_cancel(queued.id)
    running = claim(store, store.submit(order()).job.id, executor_id="w1")
    store.ask_to_cancel(running.id)
    done = claim(store, store.submit(order()).job.id, executor_id="w1")
    store.succeed(done, results={}, measured=())
    assert [claim(store, job.id, executor_id="w2") for job in (queued, running, done)] == [None, None, None]
    assert [store.get(job.id).state for job in (queued, running, done)] == [State.CANCELLED, State.CANCELLED, State.SUCCEEDED]


def crash(store: JobStore, job_id: str) -> Job | None:
    job = claim(store, job_id, executor_id="w1")
    return job and store.report(job, EventKind.STAGE_STARTED, stage="bake", lane="cpu0")


def test_a_job_that_kills_its_worker_is_stopped_before_the_fourth_time(store: JobStore) -> None:
    job_id = store.submit(order()).job.id
    assert all(crash(store, job_id) for _ in range(3))
    assert claim(store, job_id, executor_id="w1") is None
    job = store.get(job_id)
    assert (job.state, job.attempts, job.failure.reason) == (State.FAILED, 3, FailureReason.CRASHED)
    assert "crashed its worker 3 times" in job.failure.message
