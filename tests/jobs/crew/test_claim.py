"""What a worker does with a job it is handed, whatever it has been through."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.rig import order
from kiln.errors import ConflictError
from kiln.jobs.crew.claim import claim, is_poison, put_back_lost
from kiln.jobs.records.events import Event, EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_store import JobStore

STARTED = (EventKind.STAGE_STARTED, {"stage": "bake", "lane": "cpu0"})
DONE = (EventKind.STAGE_FINISHED, {"stage": "bake", "lane": "cpu0", "outcome": "done"})
SHARED = (EventKind.STAGE_FINISHED, {"stage": "bake", "lane": "cpu0", "outcome": "shared"})
LOST = (EventKind.STATE, {"state": "queued", "why": "its worker was lost (w1)"})
HOME = (EventKind.STATE, {"state": "queued", "why": "its worker was sent home"})
CRASH = (STARTED, LOST)
BESIDE_ANOTHER = (STARTED, (EventKind.STATE, {**LOST[1], "suspects": 2}))


def history(*attempts: tuple[tuple[EventKind, dict[str, Any]], ...]) -> list[Event]:
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
        ((BESIDE_ANOTHER,) * 4, False),
        ((BESIDE_ANOTHER,) * 5, True),
        ((BESIDE_ANOTHER, CRASH, CRASH), True),
    ],
)
def test_what_is_poison(attempts: tuple[tuple[tuple[EventKind, dict[str, Any]], ...], ...], poison: bool) -> None:
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
    assert [claim(store, job.id, executor_id="w2") for job in (queued, done)] == [None, None]
    assert claim(store, running.id, executor_id="w2") == store.get(running.id)  # for its worker to end
    assert [store.get(job.id).state for job in (queued, running, done)] == [State.CANCELLED, State.CANCELLING, State.SUCCEEDED]


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


def test_who_is_at_a_stage_when_its_worker_is_lost_shares_the_blame(store: JobStore) -> None:
    ids = [store.submit(order()).job.id for _ in range(4)]
    for _ in range(5):
        crash(store, ids[0])
        crash(store, ids[1])
        between = store.report(claim(store, ids[2], executor_id="w1"), EventKind.STAGE_STARTED, stage="bake", lane="cpu0")
        store.report(between, EventKind.STAGE_FINISHED, stage="bake", lane="cpu0", outcome="failed")
        claim(store, ids[3], executor_id="elsewhere") if store.get(ids[3]).state is State.QUEUED else None
        assert store.get(ids[0]).state is State.RUNNING
        put_back_lost(store, "w1")
    suspects = [event.data["suspects"] for event in store.events(ids[0]) if "suspects" in event.data]
    assert suspects == [2] * 5
    assert [store.get(job_id).state for job_id in ids] == [State.FAILED] * 3 + [State.RUNNING]
    assert "crashed its worker 5 times" in store.get(ids[0]).failure.message
