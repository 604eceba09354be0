"""How many jobs that do nothing go through the whole service: submitted, queued, begun, succeeded; and how long a submit takes.

usage: jobs.py DATABASE_URL [--jobs 1000] [--workers 1] [--clients 2] [--width 16] [--poll 0.5] [--first]

With --first all jobs are submitted before a worker starts, so that submits are measured with a long queue. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from kiln.jobs.claim import claim
from kiln.jobs.database import Database
from kiln.jobs.engine import WorkflowQueue
from kiln.jobs.executors.interface import StageCall, StageResult
from kiln.jobs.job import Request
from kiln.jobs.job_store import JobStore
from kiln.jobs.orders import Order
from kiln.jobs.tables import JOBS
from kiln.jobs.worker import Pace, Worker

LIMIT_S = 600
TENANTS = 4


class NoLanes:
    """An executor for jobs without stages."""

    pools: dict[str, Any] = {}  # noqa: RUF012

    def run(self, call: StageCall, *, on_progress: Any, cancel: Any) -> StageResult:
        raise NotImplementedError(call.stage)

    def close(self, *, wait_s: float = 0.0) -> None:
        pass


@dataclass
class Records:
    database: Database
    queue: WorkflowQueue


def start_worker(url: str, executor_id: str, *, width: int, poll_s: float) -> Worker:
    database = Database(url)
    jobs = JobStore(database)

    def carry_out(job_id: str) -> None:
        job = claim(jobs, job_id, executor_id=executor_id)
        if job is not None:
            jobs.succeed(job, results={}, measured=())

    worker = Worker(
        Records(database, WorkflowQueue(url)),
        NoLanes(),
        executor_id=executor_id,
        carry_out=carry_out,
        width=width,
        pace=Pace(poll_s=poll_s),
    )
    worker.start()
    return worker


def work(url: str, executor_id: str, width: str, poll_s: str) -> None:
    """A worker in a process of its own, until its input ends."""
    worker = start_worker(url, executor_id, width=int(width), poll_s=float(poll_s))
    print("ready", flush=True)
    sys.stdin.read()
    worker.drain(wait_s=0.0)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss // 1024}), flush=True)


class Process:
    """A worker's process, as seen from here."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, __file__, "--work", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def end(self) -> dict[str, float]:
        said, _ = self._process.communicate(timeout=60)
        return json.loads(said)


def submit_all(url: str, count: int, clients: int) -> list[float]:
    """Seconds of each submit: its record, and its place in the queue."""
    database, queue = Database(url), WorkflowQueue(url)
    jobs = JobStore(database)

    def submit(number: int) -> float:
        begin = time.perf_counter()
        queue.enqueue(jobs.submit(Order(request=Request(recipe="prop"), tenant=f"tenant{number % TENANTS}")).job)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(clients) as pool:
        seconds = list(pool.map(submit, range(count)))
    queue.close()
    database.close()
    return seconds


def wait_for_all(database: Database, count: int) -> None:
    ended = select(func.count()).where(JOBS.c.state == "succeeded")
    give_up = time.monotonic() + LIMIT_S
    while database.read(lambda connection: connection.execute(ended).scalar_one()) < count:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    database = Database(options.url)
    workers: list[Process] = []

    def start() -> None:
        names = [f"bench{number}" for number in range(options.workers)]
        workers.extend(Process(options.url, name, str(options.width), str(options.poll)) for name in names)
        for worker in workers:
            worker.wait_ready()

    begin = time.perf_counter()
    steps: list[Callable[[], Any]] = [start, lambda: submit_all(options.url, options.jobs, options.clients)]
    if not options.first:
        steps[0]()
        begin = time.perf_counter()
        submits = steps[1]()
    else:
        submits = steps[1]()
        steps[0]()
        begin = time.perf_counter()
    wait_for_all(database, options.jobs)
    seconds = time.perf_counter() - begin
    ended = [worker.end() for worker in workers]
    database.close()
    return {
        "jobs_per_s": round(options.jobs / seconds, 1),
        "submit_ms": {"median": ms(statistics.median(submits)), "p99": ms(statistics.quantiles(submits, n=100)[98])},
        "workers": ended,
    }


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(*sys.argv[2:])
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--poll", type=float, default=0.5)
    parser.add_argument("--first", action="store_true")
    print(json.dumps(measure(parser.parse_args())))
