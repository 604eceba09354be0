"""The capacity model: what so many workers do, ask of the database and the store, and what breaks first. `python benchmarks/capacity.py`.

Reads the measured numbers in results/results.json, results/storage.json and results/capacity.json (which says how each was measured), and
writes the tables of docs/capacity.md anew. Everything between the measured numbers and the tables is in this file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "capacity.md"
BLOCK: Final = re.compile(r"(<!-- (\w+): .*? -->\n).*?(<!-- end -->)", re.DOTALL)

WORKERS: Final = (1, 10, 100, 1000)
GENERATOR_S: Final = (0, 5, 30, 180)
"""Seconds of a GPU an asset may need before the game stages: none, a fast generator, a usual one, a slow one."""

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured, on the machine that the results name."""

    make_s: float
    """Of an asset on both cores of the machine, nothing else running."""

    cores: int
    peak_bytes: float
    """Of the process of a lane."""

    transactions_per_job: float
    job_row_bytes: float
    """In the database, of a job with its events and files."""

    store_bytes_per_job: float
    idle_transactions_per_worker_s: float
    idle_connections_per_worker: float
    idle_core_share_per_worker: float
    idle_service_bytes: float
    noop_jobs_s_sqlite: float
    noop_jobs_s_postgresql: float
    database_writes_s: float
    database_reads_s: float
    """Each on the same machine, by short transactions of eight clients."""

    folder_bytes_s: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the parts around Kiln take before somebody has to do something about them."""

    connections: float = 100
    """PostgreSQL's own default for max_connections."""

    network_bytes_s: float = 10e9 / 8
    """Of one store behind 10 Gbit/s."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What so many workers that are never idle ask for."""

    workers: int
    jobs_h: float
    writes_s: float
    """Transactions of jobs. Most write, and all are taken as if they did."""

    reads_s: float
    """Transactions of workers that look whether there is something to do, which find nothing and so only read."""

    connections: float
    store_bytes_s: float
    row_bytes_day: float


def measured() -> Measured:
    runs = json.loads((RESULTS / "results.json").read_text(encoding="utf-8"))
    makes = [task["seconds"] for name, task in runs["kiln"].items() if name.startswith("make ")]
    folder = json.loads((RESULTS / "storage.json").read_text(encoding="utf-8"))["kiln folder"]
    service = json.loads((RESULTS / "capacity.json").read_text(encoding="utf-8"))["measured"]
    return Measured(
        make_s=mean(makes),
        cores=runs["machine"]["cores"],
        folder_bytes_s=folder["put MiB/s"] * 2**20,
        **{name: entry["value"] for name, entry in service.items()},
    )


def jobs_an_hour(found: Measured, *, cores: int, gpu_s: float = 0.0) -> float:
    """Of one machine: its cores share the game stages out, and one GPU works on the next asset meanwhile; the slower of both counts."""
    cpu_s = found.make_s * found.cores / cores
    return HOUR_S / max(cpu_s, gpu_s)


def load(found: Measured, workers: int, *, cores: int) -> Load:
    """Of so many workers of so many cores, with work for all of them."""
    jobs_s = workers * jobs_an_hour(found, cores=cores) / HOUR_S
    return Load(
        workers=workers,
        jobs_h=jobs_s * HOUR_S,
        writes_s=jobs_s * found.transactions_per_job,
        reads_s=workers * found.idle_transactions_per_worker_s,
        connections=workers * found.idle_connections_per_worker,
        store_bytes_s=jobs_s * found.store_bytes_per_job,
        row_bytes_day=jobs_s * DAY_S * found.job_row_bytes,
    )


def shares(found: Measured, limits: Limits, asked: Load) -> dict[str, float]:
    """What share of each limit is asked for; above 1 it breaks."""
    return {
        "database connections": asked.connections / limits.connections,
        "a database of 2 cores": asked.writes_s / found.database_writes_s + asked.reads_s / found.database_reads_s,
        "a folder on one disk": asked.store_bytes_s / found.folder_bytes_s,
        "a store's 10 Gbit/s": asked.store_bytes_s / limits.network_bytes_s,
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine_table(found: Measured) -> str:
    head = ["GPU seconds an asset", *(f"{cores} cores" for cores in (2, 8, 16))]
    rows = [[str(gpu_s), *(f"{jobs_an_hour(found, cores=cores, gpu_s=gpu_s):,.0f}" for cores in (2, 8, 16))] for gpu_s in GENERATOR_S]
    return table(head, rows)


def scale_table(found: Measured) -> str:
    head = [
        "workers",
        "assets an hour",
        "connections",
        "writes/s",
        "reads/s",
        "store MB/s",
        "store TB/day",
        "rows GB/day",
        "over its limit",
    ]
    rows = []
    for asked in (load(found, workers, cores=4) for workers in WORKERS):
        over = sorted(((share, name) for name, share in shares(found, Limits(), asked).items() if share > 1), reverse=True)
        told = ", ".join(f"{name} ({share:,.1f} times)" for share, name in over) or "nothing"
        numbers = (asked.jobs_h, asked.connections, asked.writes_s, asked.reads_s, asked.store_bytes_s / 1e6)
        rates = [f"{asked.store_bytes_s * DAY_S / 1e12:,.1f}", f"{asked.row_bytes_day / 1e9:,.1f}"]
        rows.append([f"{asked.workers:,}", *(f"{number:,.0f}" for number in numbers), *rates, told])
    return table(head, rows)


def first_limits(found: Measured) -> str:
    one = shares(found, Limits(), load(found, 1, cores=4))
    rows = [[name, f"{1 / share:,.0f}"] for name, share in sorted(one.items(), key=lambda item: -item[1])]
    return table(["what", "workers it is enough for"], rows)


def measured_table(_: Measured) -> str:
    entries: dict[str, Any] = json.loads((RESULTS / "capacity.json").read_text(encoding="utf-8"))["measured"]
    rows = [[name.replace("_", " "), f"{entry['value']:,}", entry["how"]] for name, entry in entries.items()]
    return table(["number", "value", "how it was measured"], rows).replace("| ---: | ---: |", "| ---: | --- |", 1)


TABLES: Final[dict[str, Callable[[Measured], str]]] = {
    "measured": measured_table,
    "machine": machine_table,
    "scale": scale_table,
    "limits": first_limits,
}


def page(text: str, found: Measured) -> str:
    """The page with its tables written anew."""
    return BLOCK.sub(lambda match: match[1] + TABLES[match[2]](found) + match[3], text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), measured()), encoding="utf-8")
