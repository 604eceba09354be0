"""Which contents go, and that a job finds all of its own while they do: real processes, real signals."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.stopped_clock import StoppedClock
from kiln.errors import StorageError
from kiln.jobs.executors.interface import Reference
from kiln.jobs.records.database import Database
from kiln.jobs.records.files import FileBook, KeptFile, NewFile
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order
from kiln.jobs.stored.record import StageRecord, find_record, keep_record, record_key
from kiln.jobs.upkeep.collection import Collected, Collector
from kiln.jobs.upkeep.housekeeping import Housekeeper, Round
from kiln.jobs.upkeep.retention import DAY_MS, HOUR_MS, Policy, Retention
from kiln.storage import Store, open_store
from kiln.storage.blobs import blob_key
from kiln.storage.record import AssetFile
from kiln.storage.shelf import Shelf
from stores import new_store

USUAL = Policy()


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with new_store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite is enough here: the questions to the database are tested on both."""
    opened = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> StoppedClock:
    """It begins with the store's, which runs on its own."""
    return StoppedClock(time.time_ns() // 10**6)


@pytest.fixture
def jobs(database: Database, clock: StoppedClock) -> JobStore:
    return JobStore(database, clock=clock)


@pytest.fixture
def collector(store: Store, database: Database, clock: StoppedClock) -> Collector:
    return Collector(store, Retention(database, clock=clock), clock=clock)


def put(store: Store, data: bytes) -> Reference:
    sha256 = hashlib.sha256(data).hexdigest()
    store.put(blob_key(sha256), data)
    return Reference(key=blob_key(sha256), sha256=sha256)


def finish(store: Store, digest: str, *outputs: bytes) -> StageRecord:
    """What a stage's end leaves in the store."""
    made = {str(number): put(store, data) for number, data in enumerate(outputs)}
    return keep_record(store, digest, StageRecord(stage="bake", outputs=made))[0]


def keep(book: FileBook, reference: Reference, *, job: Job | None = None) -> KeptFile:
    file = NewFile(name="a.glb", role="model", key=reference.key, sha256=reference.sha256, size=1, media_type="model/gltf-binary")
    return book.add(file, tenant="anna") if job is None else book.add_of_job([file], tenant=job.tenant, job_id=job.id)[0]


def begun(jobs: JobStore) -> Job:
    return jobs.start(jobs.submit(Order(request=Request(recipe="prop"), tenant="anna")).job, executor_id="one")


def pass_by(collector: Collector, clock: StoppedClock, ms: int) -> Collected:
    clock.at += ms
    return collector.collect(USUAL)


def test_what_a_stage_made_goes_a_week_later_record_first(store: Store, collector: Collector, clock: StoppedClock) -> None:
    record = finish(store, "d" * 64, b"one", b"two")
    assert pass_by(collector, clock, 6 * DAY_MS).outdated == ()
    assert find_record(store, "d" * 64) == record
    assert pass_by(collector, clock, 2 * DAY_MS).outdated == (record_key("d" * 64),)
    assert store.get(record.outputs["0"].key) == b"one"  # whoever found the record before reads on
    assert find_record(store, "d" * 64) is None
    last = [pass_by(collector, clock, 2 * HOUR_MS) for _ in range(2)]
    assert len(last[0].contents.trashed) == len(last[1].contents.deleted) == 2
    assert list(store.keys()) == []


def test_what_a_job_that_was_begun_may_hold_stays_until_it_is_over(
    store: Store, jobs: JobStore, collector: Collector, clock: StoppedClock
) -> None:
    record = finish(store, "d" * 64, b"one")
    job = begun(jobs)
    for _ in range(5):
        pass_by(collector, clock, 8 * DAY_MS)
        assert store.get(record.outputs["0"].key) == b"one"
    jobs.succeed(job, results={}, measured=())
    for _ in range(3):
        pass_by(collector, clock, DAY_MS)
    assert list(store.keys()) == []


def test_what_a_file_or_an_asset_needs_stays_when_its_stage_is_long_forgotten(
    store: Store, database: Database, collector: Collector, clock: StoppedClock
) -> None:
    record = finish(store, "d" * 64, b"artifact", b"shelved", b"neither")
    artifact, shelved, neither = record.outputs.values()
    book = FileBook(database, clock=clock)
    kept = keep(book, artifact)
    Shelf(store).add_stored(
        [AssetFile(name="a.glb", key=shelved.key, sha256=shelved.sha256, size=7)], name="a", created=datetime.now(UTC), tenant="anna"
    )
    for _ in range(4):
        pass_by(collector, clock, 8 * DAY_MS)
    assert [store.exists(reference.key) for reference in (artifact, shelved, neither)] == [True, True, False]
    book.remove(kept.id, tenant="anna")
    for _ in range(3):
        pass_by(collector, clock, DAY_MS)
    assert [store.exists(reference.key) for reference in (artifact, shelved)] == [False, True]


def test_a_content_that_is_young_stays_although_nobody_says_what_for(store: Store, collector: Collector, clock: StoppedClock) -> None:
    reference = put(store, b"a job puts the next one now")
    pass_by(collector, clock, 23 * HOUR_MS)
    assert store.lies_at(reference.key)
    pass_by(collector, clock, 2 * HOUR_MS)
    assert not store.lies_at(reference.key)
    assert store.get(reference.key) == b"a job puts the next one now"  # it was asked for, and is back
    assert store.lies_at(reference.key)


def test_above_the_limit_the_oldest_goes_first_and_shared_contents_count_once(
    store: Store, collector: Collector, clock: StoppedClock
) -> None:
    shared, digests = b"s" * 1000, [f"{number:064x}" for number in range(4)]
    for digest in digests:
        finish(store, digest, shared, digest.encode() * 10)
        threading.Event().wait(0.02)  # file systems tell times apart by some milliseconds
    kept = collector.collect(Policy(stages_bytes=1000 + 2 * 640))
    assert sorted(kept.outdated) == [record_key(digest) for digest in digests[:2]]
    assert [find_record(store, digest) is not None for digest in digests] == [False, False, True, True]
    assert collector.collect(Policy(stages_bytes=1000 + 2 * 640)).outdated == ()


def test_a_record_of_a_kind_nobody_here_knows_keeps_what_it_names(store: Store, collector: Collector, clock: StoppedClock) -> None:
    reference = put(store, b"made by a newer Kiln")
    store.put(f"stages/{'e' * 64}", b'{"format": 9, "made": "sha256:' + reference.sha256.encode() + b'"}')
    pass_by(collector, clock, 3 * DAY_MS)
    assert store.lies_at(reference.key)


def test_a_store_that_cannot_be_read_loses_nothing(store: Store, collector: Collector, clock: StoppedClock) -> None:
    record = finish(store, "d" * 64, b"one")
    real = store.get

    def get(key: str) -> bytes:
        if key.startswith("stages/"):
            raise StorageError("out of reach", kind="unavailable")
        return real(key)

    store.get = get  # type: ignore[method-assign]
    clock.at += 3 * DAY_MS
    with pytest.raises(StorageError, match="out of reach"):
        collector.collect(USUAL)
    assert store.lies_at(record.outputs["0"].key)


def test_a_round_does_it_all_and_one_process_at_a_time(store: Store, database: Database, jobs: JobStore, clock: StoppedClock) -> None:
    book = FileBook(database, clock=clock)
    keep(book, put(store, b"an upload that nobody used"))
    job = begun(jobs)
    artifact = keep(book, put(store, b"an artifact"), job=job)
    jobs.succeed(job, results={"a.glb": artifact.id}, measured=())
    finish(store, "d" * 64, b"one")
    told: list[int] = []
    policy = Policy(artifacts_ms=30 * DAY_MS, events_ms=DAY_MS)
    first, second = (Housekeeper(database, store, policy=policy, forget_workflows=told.append, clock=clock) for _ in range(2))
    clock.at += 8 * DAY_MS
    done = first.round_if_due()
    assert isinstance(done, Round)
    assert second.round_if_due() is None
    assert (done.uploads, done.artifacts, done.histories, len(done.collected.outdated)) == (1, 0, 1, 1)
    assert told == [clock.at - policy.workflows_ms]
    assert store.get(artifact.key) == b"an artifact"
    for _ in range(4):
        clock.at += 8 * DAY_MS
        assert second.round_if_due() is not None
    assert list(store.keys()) == []


def test_the_thread_goes_on_after_trouble_and_ends_when_it_is_told(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, enough = [], threading.Event()

    def round_if_due(self: Housekeeper) -> None:
        rounds.append(1)
        if len(rounds) == 3:
            enough.set()
        raise StorageError("out of reach") if len(rounds) == 1 else RuntimeError("a bug")

    monkeypatch.setattr(Housekeeper, "round_if_due", round_if_due)
    monkeypatch.setattr("kiln.jobs.upkeep.housekeeping._LOOK_S", 0.01)
    keeper = Housekeeper(database, store, policy=USUAL)
    keeper.start()
    assert enough.wait(30)
    keeper.stop(wait_s=30)
    assert not keeper._thread.is_alive()


def carry_out(jobs: JobStore, book: FileBook, store: Store, number: int) -> tuple[str, bytes]:
    """A job as a worker does it: three stages whose work other jobs share, each read by the next, the last one's the job's file."""
    chance, job = random.Random(number), begun(jobs)  # noqa: S311 - any work will do
    data = b""
    for stage in range(3):
        digest = hashlib.sha256(f"{stage} {chance.randrange(4)}".encode()).hexdigest()
        record = find_record(store, digest) or finish(store, digest, digest.encode(), b"shared by all", f"part of {stage}".encode())
        threading.Event().wait(chance.choice([0.0, 0.01, 0.6]))  # the stage after it works
        for reference in record.outputs.values():
            data = store.get(reference.key)
            assert hashlib.sha256(data).hexdigest() == reference.sha256
    kept = keep(book, record.outputs["0"], job=job)
    jobs.succeed(job, results={"a.glb": kept.id}, measured=())
    return kept.key, kept.sha256.encode()


def started(url: str, root: Path) -> subprocess.Popen[bytes]:
    path = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    here = Path(__file__).with_name("sweeper.py")
    return subprocess.Popen([sys.executable, str(here), url, str(root)], stdout=subprocess.PIPE, env=path)


def test_jobs_find_all_their_contents_while_a_greedy_sweep_runs_and_is_killed_again_and_again(tmp_path: Path, database: Database) -> None:
    root, url = tmp_path / "store", f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store, jobs, book = open_store(str(root), floor_bytes=0), JobStore(database), FileBook(database)
    made: list[tuple[str, bytes]] = []
    over, said = threading.Event(), list[bytes]()

    def sweep_and_die() -> None:
        chance = random.Random(7)  # noqa: S311 - any moment will do
        while not over.is_set():
            with started(url, root) as sweeper:
                assert sweeper.stdout is not None
                said.append(sweeper.stdout.readline())
                over.wait(chance.random() * 0.8)
                sweeper.kill()
                said.extend(sweeper.stdout.readlines())

    killer = threading.Thread(target=sweep_and_die)
    killer.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            while len(made) < 32 or not all(done(said)):
                batch = range(len(made), len(made) + 16)
                made += pool.map(lambda number: carry_out(jobs, book, store, number), batch)
                threading.Event().wait(0.2)  # nobody works now, and everything may go
    finally:
        over.set()
        killer.join(60)
    for key, sha256 in made:
        assert hashlib.sha256(store.get(key)).hexdigest().encode() == sha256


def done(said: list[bytes]) -> list[int]:
    """How many records and contents the sweeps took, and how many contents they deleted; a killed one may have been cut off in a line."""
    lines = [line.split()[1:] for line in said if line.startswith(b"swept") and line.endswith(b"\n")]
    return [sum(int(words[column]) for words in lines) for column in range(3)]
