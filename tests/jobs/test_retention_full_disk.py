"""One small disk under database and store: what was acknowledged stays, work stops with a clear word, and goes on once there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jobs.stopped_clock import StoppedClock
from kiln.errors import StorageError
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.upkeep.collection import Collector
from kiln.jobs.upkeep.retention import DAY_MS, Policy, Retention
from kiln.storage import Store, open_store
from kiln.storage.blobs import blob_key

MIB = 1 << 20
FLOOR = 8 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def database(disk: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{disk / 'jobs.sqlite'}")
    yield opened
    opened.close()


def order() -> Order:
    return Order(request=Request(recipe="prop", parameters={"note": "x" * 4000}), tenant="anna")


def put(store: Store, number: int) -> str:
    return store.put(blob_key(f"{number:064x}"), bytes([number]) * MIB).key


def until_full(do: Callable[[int], str]) -> list[str]:
    """What was acknowledged, before the word was "full"."""
    done: list[str] = []
    with pytest.raises(StorageError) as error:
        done.extend(do(number) for number in range(10_000))
    assert error.value.kind == "full"
    assert "free some" in str(error.value)
    return done


def fill(disk: Path) -> Path:
    """What another program leaves: nothing."""
    path = disk / "others"
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(os.urandom(4096)):
            pass
    return path


def is_sound(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_full_disk_stops_admission_loses_nothing_and_is_swept_without_a_restart(disk: Path, database: Database) -> None:
    store, jobs = open_store(str(disk / "store"), floor_bytes=FLOOR), JobStore(database)
    keys = until_full(lambda number: put(store, number))
    assert len(keys) > 10
    with pytest.raises(StorageError) as error:
        store.check_room()  # what a service asks before it admits a job
    assert error.value.kind == "full"
    running = jobs.start(jobs.submit(order()).job, executor_id="one")  # the floor leaves room to end what was begun
    running = jobs.report(running, EventKind.NOTE, text="the store is full")

    others = fill(disk)
    accepted = until_full(lambda _: jobs.submit(order()).job.id)
    with pytest.raises(StorageError) as error:
        store.put("late", b"x" * MIB)
    assert error.value.kind == "full"
    assert is_sound(disk / "jobs.sqlite")
    assert all(jobs.get(job_id).id == job_id for job_id in [*accepted, running.id])
    assert [store.get(key)[0] for key in keys] == list(range(len(keys)))

    others.unlink()
    jobs.succeed(running, results={}, measured=())
    clock = StoppedClock(time.time_ns() // 10**6)
    collector = Collector(store, Retention(database, clock=clock), clock=clock)
    for _ in range(2):  # nobody needs any of it: sweeping takes no room, and so gets below the floor and out again
        clock.at += 2 * DAY_MS
        swept = collector.collect(Policy()).contents
    assert swept.freed == len(keys) * MIB
    store.check_room()
    assert jobs.submit(order()).created
    assert put(store, 1) == keys[1]
    assert is_sound(disk / "jobs.sqlite")
    assert list((disk / "store/drafts").iterdir()) == []
