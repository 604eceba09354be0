"""Webhooks are sent until they arrive or are given up, by one sender at a time."""

from __future__ import annotations

import pytest

from jobs.stopped_clock import StoppedClock
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.outbox import Outbox

REQUEST = Request(recipe="prop")


@pytest.fixture
def ended(store: JobStore) -> Job:
    job = store.submit(Order(request=REQUEST, tenant="studio", webhook_url="https://example.com/hook")).job
    return store.ask_to_cancel(job.id)


def test_the_end_of_a_job_is_sent_until_it_arrives(ended: Job, database: Database, clock: StoppedClock) -> None:
    outbox = Outbox(database, clock=clock)
    (first,) = outbox.claim(limit=10, for_ms=1000)
    assert (first.job_id, first.seq, first.url, first.tries) == (ended.id, ended.last_seq, "https://example.com/hook", 1)
    assert outbox.claim(limit=10, for_ms=1000) == ()
    outbox.failed(first, again_in_ms=50)
    clock.at += 50
    (second,) = outbox.claim(limit=10, for_ms=1000)
    clock.at += 1000  # its sender was lost
    (third,) = outbox.claim(limit=10, for_ms=1000)
    outbox.failed(second, again_in_ms=None)  # and is heard of too late
    outbox.delivered(third)
    clock.at += 10**9
    assert (third.tries, outbox.claim(limit=10, for_ms=1)) == (3, ())


def test_a_message_that_was_given_up_is_not_sent(ended: Job, database: Database, clock: StoppedClock) -> None:
    outbox = Outbox(database, clock=clock)
    outbox.failed(outbox.claim(limit=1, for_ms=1)[0], again_in_ms=None)
    clock.at += 10**9
    assert outbox.claim(limit=10, for_ms=1) == ()


def test_nobody_is_told_of_a_job_without_a_webhook(store: JobStore, database: Database, clock: StoppedClock) -> None:
    store.ask_to_cancel(store.submit(Order(request=REQUEST, tenant="studio")).job.id)
    assert Outbox(database, clock=clock).claim(limit=10, for_ms=1) == ()
