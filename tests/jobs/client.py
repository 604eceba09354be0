"""A client in a process of its own: it opens the database, waits for the word, and submits from many threads at once.

Called with the database's URL and JSON: "tenant", "key" (or null), "threads", "microdollars". Says "ready", waits for a line, and
answers with a JSON list: a job's id for each submit that was accepted, the error's name for each other.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kiln.errors import KilnError
from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order


def submit_all(store: JobStore, wish: dict[str, Any]) -> list[str]:
    charges = (Charge(item="sam3d", microdollars=wish["microdollars"], gpu_ms=1000),) if wish["microdollars"] else ()
    order = Order(request=Request(recipe="prop"), tenant=wish["tenant"], idempotency_key=wish["key"], charges=charges)
    together = threading.Barrier(wish["threads"])

    def submit(_: int) -> str:
        together.wait(timeout=30)
        try:
            return store.submit(order).job.id
        except KilnError as error:
            return type(error).__name__

    with ThreadPoolExecutor(wish["threads"]) as pool:
        return list(pool.map(submit, range(wish["threads"])))


if __name__ == "__main__":
    database = Database(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(submit_all(JobStore(database), json.loads(sys.argv[2]))))
    database.close()
