"""A client that submits, starts and ends jobs until somebody kills it, and says each state once it is sure of it: "<job id> <state>".

Called with the database's URL, and for SQLite with the length in bytes at which its log is folded.
"""

from __future__ import annotations

import itertools
import sys

from kiln.jobs.money.prices import Charge
from kiln.jobs.records import sqlite
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order

CHARGES = (Charge(item="sam3d", microdollars=5, gpu_ms=1000),)


def told(job: Job) -> Job:
    sys.stdout.write(f"{job.id} {job.state}\n")
    sys.stdout.flush()
    return job


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sqlite._LONG_LOG_BYTES = int(sys.argv[2])
    store = JobStore(Database(sys.argv[1]))
    for _ in itertools.count():
        job = told(store.submit(Order(request=Request(recipe="prop"), tenant="studio", charges=CHARGES)).job)
        job = told(store.start(job, executor_id="e"))
        told(store.succeed(job, results={}, measured=CHARGES))
