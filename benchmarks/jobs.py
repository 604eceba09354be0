"""How many jobs that do nothing go through the whole service, and how long a submit takes: `python benchmarks/jobs.py`.

Each database is asked the same: 1,000 jobs are submitted, then 1,500 more while those wait; workers take them all; 1,000 are submitted
while they work; then they idle. On SQLite one process does it all, as `kiln serve` does; on PostgreSQL two processes work and one submits.
SQLite's file lies in a temporary folder, as does a PostgreSQL of the benchmark's own, with fsync; without its programs on PATH, and without
--postgresql URL of an empty database, that half is left out. The tests' requirements must be installed.

Prints a table, the musts beside the figures, and writes results/jobs.json. Takes about two minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from run import machine
from sqlalchemy import func, select

from kiln.jobs.crew.claim import claim
from kiln.jobs.crew.worker import Worker
from kiln.jobs.engine import WorkflowQueue
from kiln.jobs.executors.interface import StageCall, StageResult
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.records.tables import JOBS

HERE: Final = Path(__file__).resolve().parent
QUEUED, MORE, MEANWHILE = 1000, 1500, 1000
CLIENTS, WIDTH, TENANTS = 2, 16, 4
LIMIT_S: Final = 300
CALM_S, IDLE_S = 8.0, 10.0
"""Until a worker looks seldom again, and for how long it is then watched."""

Submit = Callable[[int], list[float]]


@dataclass(frozen=True, kw_only=True)
class Must:
    """A figure, and what it has to be."""

    name: str
    unit: str
    at_least: dict[str, float] | None = None
    at_most: float | None = None

    def limit(self, database: str) -> str:
        if self.at_least is not None:
            return f">= {self.at_least[database]:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    def is_met(self, database: str, value: float) -> bool:
        enough = self.at_least is None or value >= self.at_least[database]
        return enough and (self.at_most is None or value <= self.at_most)


MUSTS: Final = (
    Must(name="jobs taken and done", unit="/s", at_least={"SQLite": 15, "PostgreSQL": 200}),
    Must(name="jobs submitted, taken and done at the same time", unit="/s"),
    Must(name="submit with 1,000 queued, median", unit="ms"),
    Must(name="submit with 1,000 queued, p99", unit="ms", at_most=50),
    Must(name="submit while workers work, median", unit="ms"),
    Must(name="submit while workers work, p99", unit="ms"),
    Must(name="an idle worker", unit="% of a core", at_most=2),
    Must(name="a worker's processor time for each job", unit="ms"),
    Must(name="a worker's peak", unit="MB", at_most=200),
)


class NoLanes:
    """An executor for jobs without stages."""

    pools: dict[str, Any] = {}  # noqa: RUF012

    def run(self, call: StageCall, *, on_progress: Any, cancel: Any) -> StageResult:
        raise NotImplementedError(call.stage)

    def close(self, *, wait_s: float = 0.0) -> None:
        pass


@dataclass
class Records:
    """What a worker, or somebody who submits, needs of a service."""

    database: Database
    queue: WorkflowQueue

    def submit_all(self, count: int) -> list[float]:
        """Seconds of each submit: its record, and its place in the queue."""
        jobs = JobStore(self.database)

        def submit(number: int) -> float:
            begin = time.perf_counter()
            self.queue.enqueue(jobs.submit(Order(request=Request(recipe="prop"), tenant=f"tenant{number % TENANTS}")).job)
            return time.perf_counter() - begin

        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(submit, range(count)))


@contextmanager
def opened(url: str) -> Iterator[Records]:
    records = Records(Database(url), WorkflowQueue(url))
    yield records
    records.queue.close()
    records.database.close()


def work(url: str, executor_id: str) -> None:
    """A worker in a process of its own, until its input ends; it also submits jobs, and says what it has used so far."""
    records = Records(Database(url), WorkflowQueue(url))
    jobs = JobStore(records.database)

    def carry_out(job_id: str) -> None:
        job = claim(jobs, job_id, executor_id=executor_id)
        if job is not None:
            jobs.succeed(job, results={}, measured=())

    worker = Worker(records, NoLanes(), executor_id=executor_id, carry_out=carry_out, width=WIDTH)
    print("ready", flush=True)
    for line in sys.stdin:
        asked, _, number = line.strip().partition(" ")
        if asked == "start":
            worker.start()
        said = records.submit_all(int(number)) if asked == "submit" else [time.process_time(), peak_mb()]
        print(json.dumps(said), flush=True)
    worker.drain(wait_s=0.0)


def peak_mb() -> float:
    """Of this process alone; what the one that started it held does not count."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Process:
    """A worker's process, as seen from here."""

    def __init__(self, url: str, name: str) -> None:
        command = [sys.executable, __file__, "--work", url, name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read() == "ready\n"

    def start(self) -> None:
        self._ask("start")

    def submit(self, count: int) -> list[float]:
        return self._ask(f"submit {count}")

    def used(self) -> tuple[float, float]:
        """Seconds of processor time, and peak MB."""
        cpu_s, peak = self._ask("used")
        return cpu_s, peak

    def end(self) -> None:
        self._process.communicate(timeout=60)

    def _ask(self, line: str) -> list[float]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: list[float] = json.loads(self._read())
        return answer

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def wait_for_all(database: Database) -> None:
    unfinished = select(JOBS.c.number).where(JOBS.c.ended_ms.is_(None)).limit(1)
    give_up = time.monotonic() + LIMIT_S
    while database.read(lambda connection: connection.execute(unfinished).all()):
        assert time.monotonic() < give_up
        time.sleep(0.1)


def rate(database: Database, *, after: int, since: str) -> float:
    """Jobs a second, of those after so many: from when the first was submitted or begun until the last had ended, by their own records."""
    query = select(func.count(), func.min(JOBS.c[since]), func.max(JOBS.c.ended_ms)).where(JOBS.c.number > after)
    count, began_ms, ended_ms = database.read(lambda connection: connection.execute(query).one())
    return 1000 * count / (ended_ms - began_ms)


def measure(url: str, *, workers: int) -> dict[str, float]:
    """The figures of one database, by the names of the musts."""
    processes = [Process(url, f"bench{number}") for number in range(workers)]
    with opened(url) as records:
        submit: Submit = processes[0].submit if workers == 1 else records.submit_all
        submit(QUEUED)
        queued = submit(MORE)
        before = sum(process.used()[0] for process in processes)
        for process in processes:
            process.start()
        wait_for_all(records.database)
        after = sum(process.used()[0] for process in processes)
        drained = rate(records.database, after=0, since="started_ms")
        meanwhile = submit(MEANWHILE)
        wait_for_all(records.database)
        together = rate(records.database, after=QUEUED + MORE, since="created_ms")
        idle = idle_share(processes[0])
        peak = max(process.used()[1] for process in processes)
    for process in processes:
        process.end()
    per_job = 1000 * (after - before) / (QUEUED + MORE)
    values = (drained, together, *in_ms(queued), *in_ms(meanwhile), 100 * idle, per_job, peak)
    return {must.name: round(value, 1) for must, value in zip(MUSTS, values, strict=True)}


def idle_share(process: Process) -> float:
    """Of a core."""
    time.sleep(CALM_S)
    before, began = process.used()[0], time.monotonic()
    time.sleep(IDLE_S)
    return (process.used()[0] - before) / (time.monotonic() - began)


def in_ms(seconds: list[float]) -> tuple[float, float]:
    """Median and p99."""
    return 1000 * statistics.median(seconds), 1000 * statistics.quantiles(seconds, n=100)[98]


@contextmanager
def own_postgresql() -> Iterator[str | None]:
    """The URL of a server that is gone when the block ends; None without its programs."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        yield None
        return
    spec = importlib.util.spec_from_file_location("postgres", HERE.parent / "tests" / "jobs" / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    postgres = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(postgres)
    with postgres.server("-c", "fsync=on") as server:
        yield server.url


def table(found: dict[str, dict[str, float]]) -> str:
    lines = ["| figure | " + " | ".join(f"{name} | must" for name in found) + " |", "| --- " * (1 + 2 * len(found)) + "|"]
    for must in MUSTS:
        cells = [f"{must.name} ({must.unit})"]
        for database, figures in found.items():
            value = figures[must.name]
            cells += [f"{value:g}" + ("" if must.is_met(database, value) else " **missed**"), must.limit(database)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database to use instead of a server of our own")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for jobs.json")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found["SQLite"] = measure(f"sqlite:///{folder}/jobs.sqlite", workers=1)
    with own_postgresql() as own:
        url = options.postgresql or own
        if url is not None:
            found["PostgreSQL"] = measure(url, workers=2)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "jobs.json").write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
