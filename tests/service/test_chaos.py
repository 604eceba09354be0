"""kill -9 of whatever runs, again and again: every job that was acknowledged ends well, and what was finished is not done again."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs import postgres
from jobs.checker import figures
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import JOBS
from lanes import linux
from service.harness import House, Reaper, children, house, wait_until

pytestmark = linux

JOBS_OF_LONG_RUN = 100
EVERY_S = (3.0, 6.0)
LONG_S = 1500.0
RESUMED_WITHIN_S = 90.0
BLAMED = 5
"""A job is poison when three workers in a row were lost in its stage before it had finished one, or five while another was at a stage, too.
That happens to an innocent one on a machine that is so busy that a lane takes as long to start as there is between two kills."""


def test_three_kills_cost_nothing_but_time(tmp_path: Path) -> None:
    with house(tmp_path) as kiln, kiln.database() as database:
        server = kiln.serve()
        picture = kiln.upload()
        for number in range(6):
            kiln.submit(kiln.order(picture, number=number), key=f"order-{number}")
        wait_until(lambda: ended(database) >= 1)
        os.kill(server.process.pid, signal.SIGKILL)
        server.stop()
        server.start()
        for number in range(12):  # of which the server knows some already
            kiln.submit(kiln.order(picture, number=number), key=f"order-{number}")
        wait_until(lambda: children(server.process.pid))
        os.kill(children(server.process.pid)[0], signal.SIGKILL)
        wait_until(lambda: ended(database) >= 6)
        os.kill(server.process.pid, signal.SIGKILL)
        server.stop()
        server.start()
        wait_until(lambda: ended(database) == 12)
        assert_all_ended(kiln, 12)


@pytest.mark.long
def test_a_hundred_jobs_while_random_processes_are_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with house(tmp_path) as kiln, kiln.database() as database:
        server = kiln.serve()

        def mend() -> None:
            if server.process.poll() is not None:
                server.stop()
                server.start()

        picture = kiln.upload()
        reaper = Reaper(lambda: [server.process.pid], mend, every_s=EVERY_S, seed=1)
        reaper.start()
        began = time.monotonic()
        submit_all(kiln, picture)
        wait_until(lambda: ended(database) == JOBS_OF_LONG_RUN, within_s=LONG_S)
        reaper.stop()
        seconds = time.monotonic() - began
        assert_all_ended(kiln, JOBS_OF_LONG_RUN, blamed=BLAMED)
        with capsys.disabled():
            tell(kiln, reaper.kills, seconds)


@pytest.mark.long
def test_a_hundred_jobs_on_two_workers_one_of_which_never_comes_back(
    tmp_path: Path, postgres_server: postgres.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with house(tmp_path, database_url=postgres_server.empty_database()) as kiln, kiln.database() as database:
        server = kiln.serve("--no-worker")
        workers = {name: kiln.worker(name) for name in ("stays", "leaves")}

        def mend() -> None:
            if server.process.poll() is not None:
                server.stop()
                server.start()
            for name, process in workers.items():
                if process.poll() is not None:
                    workers[name] = kiln.worker(name)

        picture = kiln.upload()
        reaper = Reaper(lambda: [server.process.pid, *(worker.pid for worker in workers.values())], mend, every_s=EVERY_S, seed=2)
        reaper.start()
        began = time.monotonic()
        submit_all(kiln, picture)
        wait_until(lambda: ended(database) >= JOBS_OF_LONG_RUN // 2, within_s=LONG_S)
        reaper.stop()
        lost = forsaken(kiln, database)
        workers.pop("leaves").kill()
        gone = time.monotonic()
        wait_until(lambda: not held_by(database, "leaves"), within_s=RESUMED_WITHIN_S)
        resumed_s = time.monotonic() - gone
        second = Reaper(lambda: [server.process.pid, workers["stays"].pid], mend, every_s=EVERY_S, seed=3)
        second.start()
        wait_until(lambda: ended(database) == JOBS_OF_LONG_RUN + len(lost), within_s=LONG_S)
        second.stop()
        seconds = time.monotonic() - began
        assert_all_ended(kiln, JOBS_OF_LONG_RUN + len(lost), blamed=BLAMED)
        with capsys.disabled():
            tell(kiln, reaper.kills + second.kills, seconds, resumed_s=resumed_s)


def forsaken(kiln: House, database: Database) -> list[str]:
    """A job that the worker which never comes back has in its hands."""
    picture = kiln.upload()
    taken: list[str] = []
    while not any(job_id in held_by(database, "leaves") for job_id in taken):
        taken.append(kiln.submit({**kiln.order(picture, number=1000 + len(taken), deed="wait", seconds=3.0), "priority": -10}))
        wait_until(lambda: kiln.look(taken[-1])["state"] != "queued")
    return taken


def held_by(database: Database, executor_id: str) -> frozenset[str]:
    """The jobs that a worker says it runs."""
    query = select(JOBS.c.id).where(JOBS.c.state == "running", JOBS.c.executor_id == executor_id)
    return database.read(lambda connection: frozenset(connection.execute(query).scalars()))


def submit_all(kiln: House, picture: str) -> None:
    """From several clients, who ask again under the same key until they are told."""
    with ThreadPoolExecutor(4) as clients:
        orders = [kiln.order(picture, number=number) for number in range(JOBS_OF_LONG_RUN)]
        for _ in clients.map(lambda each: kiln.submit(each[1], key=f"order-{each[0]}"), enumerate(orders)):
            pass


def ended(database: Database) -> int:
    """How many jobs have."""
    query = select(func.count()).select_from(JOBS).where(JOBS.c.ended_ms.is_not(None))
    return database.read(lambda connection: int(connection.execute(query).scalar_one()))


def assert_all_ended(kiln: House, count: int, *, blamed: int = 0) -> None:
    """None was lost, none was made twice, each package is there; at most so many were blamed for the kills, and none failed otherwise."""
    found = [kiln.look(job_id) for job_id in kiln.told]
    assert len(found) == len(kiln.history().jobs) == count
    failures = [job["failure"] for job in found if job["state"] != "succeeded"]
    assert {failure["reason"] for failure in failures} <= {"crashed"}
    assert len(failures) <= blamed
    kiln.assert_sound()
    made = [job for job in found if job["state"] == "succeeded"]
    for job in made[:: max(1, count // 10)]:
        assert job["results"]
        for file in job["results"].values():
            assert kiln.ask("GET", file["url"]).status_code == 200


def tell(kiln: House, kills: Counter[str], seconds: float, **more: float) -> None:
    """The run in figures."""
    found = {"kills": dict(kills), "seconds": round(seconds, 1), **more, **vars(figures(kiln.history()))}
    sys.stdout.write("\n" + json.dumps(found) + "\n")
