"""Batches count their jobs, and belong to one tenant."""

from __future__ import annotations

import pytest

from jobs.stopped_clock import StoppedClock
from kiln.errors import InputError
from kiln.jobs.records.batches import BatchStore
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order

REQUEST = Request(recipe="prop")


def test_a_batch_counts_its_jobs(store: JobStore, database: Database, clock: StoppedClock) -> None:
    batches = BatchStore(database, clock=clock)
    batch = batches.open("studio", size=3)
    jobs = [store.submit(Order(request=REQUEST, tenant="studio", batch_id=batch.id)).job for _ in range(3)]
    store.ask_to_cancel(jobs[0].id)
    found = batches.get(batch.id, tenant="studio")
    assert (found.counts, found.ended, found.created_ms) == ({State.CANCELLED: 1, State.QUEUED: 2}, False, clock.at)
    for job in jobs[1:]:
        store.ask_to_cancel(job.id)
    assert batches.get(batch.id, tenant="studio").ended


def test_batches_are_their_tenants(store: JobStore, database: Database) -> None:
    batches = BatchStore(database)
    batch = batches.open("studio", size=1)
    with pytest.raises(InputError, match="no batch"):
        batches.get(batch.id, tenant="rival")
    with pytest.raises(InputError, match="no batch"):
        store.submit(Order(request=REQUEST, tenant="rival", batch_id=batch.id))
    with pytest.raises(InputError, match="at least one"):
        batches.open("studio", size=0)
