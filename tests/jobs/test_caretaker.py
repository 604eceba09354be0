"""Rounds for jobs that nobody works on. Workers are told of in the tables here; none runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from jobs.rig import Records, call, order, records
from kiln.jobs import caretaker
from kiln.jobs.caretaker import Caretaker
from kiln.jobs.engine import SCHEMA, Workflow
from kiln.jobs.job import Job
from kiln.jobs.job_store import JobStore
from kiln.jobs.roster import Roster

ROUND_S = 5.0


class Scene:
    """A database with jobs, and one caretaker, of the worker "me", who looks when it is told to."""

    def __init__(self, kept: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept = kept
        self.jobs = JobStore(kept.database)
        self.roster = Roster(kept.database)
        self.running: set[str] = set()
        self.caretaker = Caretaker(kept.database, kept.queue, executor_id="me", running=lambda: self.running, silence_s=45)
        self.now_s = 1000.0
        monkeypatch.setattr("kiln.jobs.caretaker.time.monotonic", lambda: self.now_s)

    def job(self) -> Job:
        job = self.jobs.submit(order()).job
        self.kept.queue.enqueue(job)
        return job

    def run(self, job: Job, executor_id: str) -> Job:
        """As if a worker had begun it."""
        self.tell(job.id, "PENDING", executor_id)
        return self.jobs.start(job, executor_id=executor_id)

    def tell(self, workflow_id: str, status: str, executor_id: str | None = None, *, ended_ms: int | None = None) -> None:
        table = f"{SCHEMA}.workflow_status" if self.kept.queue.pool.dialect.name == "postgresql" else "workflow_status"
        change = f"UPDATE {table} SET status = :status, executor_id = :executor, completed_at = :ended WHERE workflow_uuid = :id"  # noqa: S608
        with self.kept.queue.pool.begin() as connection:
            connection.execute(text(change), {"status": status, "executor": executor_id, "ended": ended_ms, "id": workflow_id})

    def look(self, *, after_s: float = ROUND_S, alive: tuple[str, ...] = ()) -> None:
        for executor_id in alive:
            self.roster.beat(executor_id, version="1")
        self.now_s += after_s
        self.caretaker.look(round_s=ROUND_S)

    def workflow(self, job: Job) -> Workflow:
        return self.kept.queue.look_up([job.id])[job.id]


@pytest.fixture
def scene(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with records(database_url) as kept:
        yield Scene(kept, monkeypatch)


def test_a_silent_workers_jobs_go_to_others(scene: Scene) -> None:
    scene.roster.beat("old", version="1")
    scene.roster.beat("alive", version="1")
    lost, safe = scene.run(scene.job(), "old"), scene.run(scene.job(), "alive")
    for _ in range(9):
        scene.look(alive=("alive", "me"))
        assert scene.workflow(lost).step == "running"
    scene.look(alive=("alive", "me"))
    assert scene.workflow(lost).step == "waiting"
    assert scene.workflow(safe).step == "running"
    assert set(scene.roster.beats()) == {"alive", "me"}


def test_silence_while_nobody_listened_says_nothing(scene: Scene) -> None:
    """As after a long outage of the database, or when this very process was frozen."""
    scene.roster.beat("other", version="1")
    job = scene.run(scene.job(), "other")
    scene.look(alive=("me",))
    scene.look(after_s=3600, alive=("me",))
    assert scene.workflow(job).step == "running"
    assert "other" in scene.roster.beats()


def test_a_silent_workers_stages_are_stopped(scene: Scene) -> None:
    scene.roster.beat("old", version="1")
    scene.kept.queue.enqueue_stage(call("bake", lane="gpu"), "job:bake~1")
    scene.tell("job:bake~1", "PENDING", "old")
    for _ in range(10):
        scene.look(alive=("me",))
    assert scene.kept.queue.look_up(["job:bake~1"])["job:bake~1"].step == "stopped"


@pytest.mark.parametrize("status", ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"])
def test_an_unfinished_job_whose_workflow_is_over_waits_again(scene: Scene, status: str) -> None:
    queued, running = scene.job(), scene.run(scene.job(), "me")
    for job in (queued, running):
        scene.tell(job.id, status, "me")
    scene.look(alive=("me",))
    assert [scene.workflow(job).step for job in (queued, running)] == ["waiting", "waiting"]


def test_a_job_of_a_worker_nobody_knows_waits_again(scene: Scene) -> None:
    job = scene.run(scene.job(), "removed")
    scene.look(alive=("me",))
    assert scene.workflow(job).step == "waiting"


def test_a_job_that_should_run_here_is_doubted_before_it_is_resumed(scene: Scene) -> None:
    idle, busy = scene.run(scene.job(), "me"), scene.run(scene.job(), "me")
    scene.running.add(busy.id)
    scene.look(alive=("me",))
    assert scene.workflow(idle).step == "running"  # it may be beginning, or ending
    scene.look(alive=("me",))
    assert [scene.workflow(job).step for job in (idle, busy)] == ["waiting", "running"]


def test_every_page_has_its_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaker, "_PAGE", 2)
    jobs = [scene.jobs.submit(order()).job for _ in range(5)]
    found = []
    for _ in range(4):
        scene.look(alive=("me",))
        found.append(len(scene.kept.queue.look_up([job.id for job in jobs])))
    assert found == [2, 4, 5, 5]


def test_ended_jobs_are_left_alone(scene: Scene) -> None:
    job = scene.run(scene.job(), "me")
    scene.jobs.succeed(job, results={}, measured=())
    scene.tell(job.id, "SUCCESS", "me")
    for _ in range(2):
        scene.look(alive=("me",))
    assert scene.workflow(job).step == "ended"


def test_what_ended_long_ago_is_forgotten(scene: Scene) -> None:
    old, new, waiting = scene.job(), scene.job(), scene.job()
    for job, ended_ms in ((old, 1), (new, 10**14)):
        scene.jobs.succeed(scene.run(job, "me"), results={}, measured=())
        scene.tell(job.id, "SUCCESS", "me", ended_ms=ended_ms)
    scene.look(alive=("me",))
    assert set(scene.kept.queue.look_up([job.id for job in (old, new, waiting)])) == {new.id, waiting.id}
