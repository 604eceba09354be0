"""Workers as processes: killed, frozen, sent home, doubled, and cut off from their databases. What was acknowledged gets done."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jobs import postgres
from jobs.checker import broken_promises, read_history
from jobs.processes import Process
from jobs.rig import FakeLanes, Records, order, records, state_of, wait_until
from kiln.errors import SetupError
from kiln.jobs.crew.worker import Worker, usual_width
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Job
from kiln.jobs.records.job_store import JobStore

LOST, HOME = "its worker was lost", "its worker was sent home"


class Yard:
    """Where jobs are submitted and looked at."""

    def __init__(self, kept: Records) -> None:
        self.kept = kept
        self.jobs = JobStore(kept.database)

    def submit(self, do: str = "nothing") -> Job:
        job = self.jobs.submit(order(do)).job
        self.kept.queue.enqueue(job)
        return job

    def wait_for(self, job: Job, state: str) -> Job:
        wait_until(lambda: state_of(self.jobs, job.id) == state)
        return self.jobs.get(job.id)

    def put_back(self, job: Job) -> list[str]:
        """Why it was, each time."""
        told = [event.data for event in self.jobs.events(job.id) if event.kind is EventKind.STATE]
        return [data["why"] for data in told if "why" in data]

    def assert_sound(self) -> None:
        assert broken_promises(read_history(self.kept.database)) == []


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As everywhere here, but each of these tests takes seconds, and the engine's own run on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.empty_database()


@pytest.fixture
def yard(database_url: str) -> Iterator[Yard]:
    with records(database_url) as kept:
        yield Yard(kept)


@contextmanager
def toiler(url: str, name: str = "w1", *, ready: bool = True, **options: object) -> Iterator[Process]:
    with Process("toiler", url, name, json.dumps(options)) as process:
        if ready:
            process.wait_for("ready")
        yield process


def test_jobs_are_done(yard: Yard, database_url: str) -> None:
    before = yard.submit()
    with toiler(database_url):
        jobs = [before, yard.submit(), yard.submit("stage"), yard.submit("fail")]
        states = [yard.wait_for(job, state).state for job, state in zip(jobs, [*["succeeded"] * 3, "failed"], strict=True)]
    assert len(states) == 4
    assert yard.jobs.get(jobs[3].id).failure.reason is FailureReason.INTERNAL
    yard.assert_sound()


def test_a_killed_worker_takes_its_jobs_up_again(yard: Yard, database_url: str) -> None:
    with toiler(database_url) as process:
        job = yard.submit("hang once")
        process.wait_for(f"{job.id} 1")
        process.kill()
    with toiler(database_url) as process:
        process.wait_for(f"{job.id} 2")
        yard.wait_for(job, "succeeded")
    assert yard.put_back(job) == [f"{LOST} (w1)"]
    yard.assert_sound()


def test_a_job_that_kills_its_worker_is_stopped_and_others_are_done(yard: Yard, database_url: str) -> None:
    poison, innocent = yard.submit("die"), yard.submit("hang once")
    for _ in range(3):
        with toiler(database_url, ready=False) as process:
            process.wait()
    with toiler(database_url):
        assert yard.wait_for(poison, "failed").failure.reason is FailureReason.CRASHED
        yard.wait_for(innocent, "succeeded")
    assert yard.jobs.get(poison.id).attempts == 3
    yard.assert_sound()


def test_a_worker_that_is_sent_home_loses_nothing(yard: Yard, database_url: str) -> None:
    with toiler(database_url) as process:
        quick = yard.submit("last stage")
        yard.wait_for(quick, "running")
        slow, cancelled = yard.submit("hang once"), yard.submit("hang once")
        for job in (slow, cancelled):
            yard.wait_for(job, "running")
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    assert yard.jobs.get(quick.id).state.value == "succeeded"
    assert yard.jobs.get(slow.id).state.value == "queued"
    assert yard.put_back(slow) == [HOME]
    assert yard.kept.queue.look_up([slow.id])[slow.id].step == "waiting"
    yard.jobs.ask_to_cancel(cancelled.id)
    with toiler(database_url):
        yard.wait_for(slow, "succeeded")
        yard.wait_for(cancelled, "cancelled")
    yard.assert_sound()


@pytest.mark.long
def test_a_running_job_is_cancelled_and_the_next_runs(yard: Yard, database_url: str) -> None:
    with toiler(database_url) as process:
        job = yard.submit("hang")
        process.wait_for(f"{job.id} 1")
        yard.jobs.ask_to_cancel(job.id)
        yard.wait_for(job, "cancelled")
        yard.wait_for(yard.submit(), "succeeded")


@pytest.mark.long
def test_a_job_that_was_being_cancelled_when_its_worker_died_is_cancelled(yard: Yard, database_url: str) -> None:
    with toiler(database_url) as process:
        job = yard.submit("hang")
        process.wait_for(f"{job.id} 1")
        process.kill()
    yard.jobs.ask_to_cancel(job.id)
    with toiler(database_url):
        yard.wait_for(job, "cancelled")


@pytest.mark.long
def test_jobs_that_never_reached_the_queue_are_found(yard: Yard, database_url: str) -> None:
    job = yard.jobs.submit(order()).job
    with toiler(database_url):
        yard.wait_for(job, "succeeded")
        yard.wait_for(yard.jobs.submit(order()).job, "succeeded")


def test_a_second_worker_of_the_name_is_refused(yard: Yard, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.jobs.crew.sole_worker.PATIENCE_S", 0.1)
    second = Worker(yard.kept, FakeLanes(), executor_id="w1", carry_out=print)
    with toiler(database_url):
        with pytest.raises(SetupError, match=r"another worker runs .* already"):
            second.start()
        yard.wait_for(yard.submit(), "succeeded")


@pytest.mark.long
def test_sqlite_that_is_locked_for_a_while_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with records(url) as kept, toiler(url) as process:
        yard = Yard(kept)
        job = yard.submit("hang once")
        process.wait_for(f"{job.id} 1")
        yard.jobs.ask_to_cancel(yard.submit("hang").id)
        with locked(tmp_path / "jobs.sqlite"), locked(tmp_path / "workflows.sqlite"):
            threading.Event().wait(2.0)  # many of the worker's beats and looks
        yard.wait_for(yard.submit(), "succeeded")
        yard.jobs.ask_to_cancel(job.id)
        yard.wait_for(job, "cancelled")
        yard.assert_sound()


@pytest.mark.long
def test_a_job_that_ends_while_sqlite_is_locked_has_ended_once(tmp_path: Path) -> None:
    """For 20 s, as by a backup program or a slow disk."""
    url, go = f"sqlite:///{tmp_path / 'jobs.sqlite'}", tmp_path / "go"
    with records(url) as kept, toiler(url) as process:
        yard = Yard(kept)
        job = yard.submit(f"until {go}")
        process.wait_for(f"{job.id} 1")
        with locked(tmp_path / "jobs.sqlite"), locked(tmp_path / "workflows.sqlite"):
            go.touch()
            threading.Event().wait(20.0)
            assert state_of(yard.jobs, job.id) == "running"
        assert yard.wait_for(job, "succeeded").attempts == 1
        yard.wait_for(yard.submit(), "succeeded")
        yard.assert_sound()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_workers_memory_is_flat(yard: Yard, database_url: str) -> None:
    """Over 2,000 jobs; the first 500 fill pools and caches."""
    sizes = []
    with toiler(database_url) as process:
        for _ in range(4):
            with ThreadPoolExecutor(2) as pool:
                jobs = list(pool.map(lambda _: yard.submit(), range(500)))
            for job in jobs:
                yard.wait_for(job, "succeeded")
            sizes.append(process.resident_bytes())
    assert max(sizes) - sizes[0] < 16 << 20, sizes


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.long
def test_postgresql_restarts_while_jobs_run() -> None:
    with postgres.server() as server, records(server.empty_database()) as kept, toiler(server.url) as process:
        yard = Yard(kept)
        jobs = [yard.submit("hang"), yard.submit("stage")]
        process.wait_for(f"{jobs[0].id} 1")
        server.stop(at_once=True)
        threading.Event().wait(3.0)
        server.start()
        jobs += [yard.submit(), yard.submit("stage")]
        for job in jobs[1:]:
            yard.wait_for(job, "succeeded")
        yard.jobs.ask_to_cancel(jobs[0].id)
        yard.wait_for(jobs[0], "cancelled")
        yard.assert_sound()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestSeveralWorkers:
    def test_a_worker_that_never_comes_back(self, yard: Yard, database_url: str) -> None:
        with toiler(database_url, "old", silence_s=2.0) as old:
            jobs = [yard.submit("hang once") for _ in range(4)]
            for job in jobs:
                yard.wait_for(job, "running")
            with toiler(database_url, "new1", silence_s=2.0), toiler(database_url, "new2", silence_s=2.0):
                old.kill()
                for job in jobs:
                    yard.wait_for(job, "succeeded")
        assert [yard.put_back(job) for job in jobs] == [[f"{LOST} (old)"]] * 4
        assert {yard.jobs.get(job.id).attempts for job in jobs} == {2}
        yard.assert_sound()

    @pytest.mark.long
    def test_a_worker_that_wakes_up_too_late_changes_nothing(self, yard: Yard, database_url: str) -> None:
        with toiler(database_url, "old", silence_s=2.0) as old:
            job = yard.submit("hang once")
            old.wait_for(f"{job.id} 1")
            old.send(signal.SIGSTOP)
            with toiler(database_url, "new", silence_s=2.0):
                yard.wait_for(job, "succeeded")
                old.send(signal.SIGCONT)
                old.wait_for(f"{job.id} late")
                yard.wait_for(yard.submit(), "succeeded")
        yard.assert_sound()

    @pytest.mark.long
    def test_jobs_are_begun_once_by_whoever_is_there(self, yard: Yard, database_url: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            jobs = list(pool.map(lambda _: yard.submit(), range(60)))
        with toiler(database_url, "a"), toiler(database_url, "b"):
            for job in jobs:
                yard.wait_for(job, "succeeded")
        found = [yard.jobs.get(job.id) for job in jobs]
        assert {job.attempts for job in found} == {1}
        assert {job.executor_id for job in found} <= {"a", "b"}
        yard.assert_sound()


def test_the_usual_width() -> None:
    assert usual_width({"cpu": 1, "gpu": 2}) == 8
    assert usual_width({}) == 2


def test_a_worker_that_cannot_start_holds_nothing(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(_: object) -> None:
        raise SetupError("no")

    with records(database_url) as kept:
        workers: list[Callable[[], None]] = [Worker(kept, FakeLanes(), executor_id="w1", carry_out=print).start for _ in range(2)]
        monkeypatch.setattr("kiln.jobs.engine.runner.Engine.launch", break_off)
        for start in workers:
            with pytest.raises(SetupError, match=r"^no$"):
                start()
