"""Clients that are killed (SIGKILL, by themselves) in the middle of a submit: the first at the first point, the next one point later,
until one survives. A point is before and after each statement, before the commit, and after it.

Called with the database's URL; answers with the number of clients that died. Client n uses the key "key-n".
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

from sqlalchemy import event

from kiln.jobs.money.prices import Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order


def order(number: int) -> Order:
    charges = (Charge(item="sam3d", microdollars=5, gpu_ms=1000),)
    return Order(request=Request(recipe="prop"), tenant="studio", idempotency_key=f"key-{number}", charges=charges)


def submit_and_die(database: Database, *, at: int) -> None:
    points = itertools.count()

    def point(*_: object) -> None:
        if next(points) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(database.engine, name, point)
    JobStore(database).submit(order(at))
    point()


def survives(database: Database, *, at: int) -> bool:
    database.close()  # its connections; the child opens its own
    child = os.fork()
    if child == 0:
        submit_and_die(database, at=at)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0
    return status == 0


if __name__ == "__main__":
    shared = Database(sys.argv[1])
    died = next(number for number in itertools.count() if survives(shared, at=number))
    sys.stdout.write(str(died))
