"""The order in which queued jobs are begun."""

from __future__ import annotations

from jobs.rig import order
from kiln.jobs.records.database import Database
from kiln.jobs.records.fair_turns import rank
from kiln.jobs.records.job import Job, State
from kiln.jobs.records.job_store import JobStore


def begun_order(jobs: list[Job]) -> list[str]:
    return [job.tenant for job in sorted(jobs, key=lambda job: (rank(job), job.created_ms))]


def test_a_tenant_with_few_jobs_goes_among_the_first(store: JobStore) -> None:
    many = store.submit_all([order(tenant="many")] * 40)
    few = store.submit_all([order(tenant="few")] * 5)
    tenants = begun_order([receipt.job for receipt in (*many, *few)])
    assert tenants[:10] == ["many", "few"] * 5


def test_who_comes_late_has_saved_nothing_up(store: JobStore) -> None:
    first = [receipt.job for receipt in store.submit_all([order(tenant="many")] * 20)]
    for job in first[:10]:
        store.start(job, executor_id="e")
    late = [receipt.job for receipt in store.submit_all([order(tenant="late")] * 5)]
    assert begun_order(first[10:] + late)[:10] == ["many", "late"] * 5


def test_turns_begin_anew_when_nobody_waits(store: JobStore) -> None:
    for _ in range(3):
        job = store.submit(order()).job
        assert job.turn == 0
        store.start(job, executor_id="e")


def test_a_lower_priority_goes_first_and_never_mixes(store: JobStore, database: Database) -> None:
    usual = store.submit_all([order()] * 3)
    urgent = [store.submit(order(priority=-100)).job, store.submit(order(priority=-1)).job]
    last = store.submit(order(priority=100)).job
    ranks = [rank(job) for job in (*urgent, *(receipt.job for receipt in usual), last)]
    assert ranks == sorted(set(ranks))
    assert 1 <= ranks[0] < ranks[-1] < 2**31
    assert store.in_state(State.QUEUED)[1].turn == 1
