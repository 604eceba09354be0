"""Rounds for jobs that nobody works on. Workers are told of in the tables here; none runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import MetaData, Table, event, select, text

from jobs.rig import Records, call, order, records
from kiln.jobs.crew import caretaker
from kiln.jobs.crew.caretaker import Caretaker
from kiln.jobs.engine import SCHEMA, Workflow, workflow_queue
from kiln.jobs.records.job import Job
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.roster import Roster

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
        monkeypatch.setattr("kiln.jobs.crew.caretaker.time.monotonic", lambda: self.now_s)

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


def test_a_damaged_record_costs_the_other_jobs_nothing(scene: Scene) -> None:
    damaged, job = scene.job(), scene.job()
    scene.run(job, "gone")
    with scene.kept.database.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET request = 'no JSON' WHERE id = :id"), {"id": damaged.id})
    scene.look()
    assert scene.workflow(job).step == "waiting"


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


def test_what_ended_long_ago_is_forgotten(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_queue, "_FORGOTTEN_AT_ONCE", 2)
    old, new, waiting = [scene.job() for _ in range(3)], scene.job(), scene.job()
    for job, ended_ms in (*((job, 999) for job in old), (new, 1001)):
        scene.jobs.succeed(scene.run(job, "me"), results={}, measured=())
        scene.tell(job.id, "SUCCESS", "me", ended_ms=ended_ms)
    assert scene.kept.queue.forget(1000) == 3
    assert set(scene.kept.queue.look_up([job.id for job in (*old, new, waiting)])) == {new.id, waiting.id}
    assert scene.kept.queue.forget(1000) == 0


def test_a_round_costs_the_same_however_many_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all jobs that wait, a round looks at a page, and asks for none of them alone."""
    monkeypatch.setattr(caretaker, "_PAGE", 25)
    first = scene.job()
    made = [statements_of_a_round(scene)]
    for _ in range(2):
        queue_like(scene, first.id, [receipt.job.id for receipt in scene.jobs.submit_all([order()] * 300)])
        made.append(statements_of_a_round(scene))
    assert made[0] == made[1] == made[2]
    assert len(made[0]) <= 12


def queue_like(scene: Scene, job_id: str, others: list[str]) -> None:
    """Let others wait as this job does; putting each onto the queue would take a minute."""
    pool = scene.kept.queue.pool
    schema = SCHEMA if pool.dialect.name == "postgresql" else None
    table = Table("workflow_status", MetaData(), schema=schema, autoload_with=pool)
    with pool.begin() as connection:
        row = dict(connection.execute(select(table).where(table.c.workflow_uuid == job_id)).mappings().one())
        connection.execute(table.insert(), [{**row, "workflow_uuid": other} for other in others])


def statements_of_a_round(scene: Scene) -> list[str]:
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(" ".join(statement.split())[:40])

    engines = (scene.kept.database.engine, scene.kept.queue.pool)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    scene.caretaker = Caretaker(scene.kept.database, scene.kept.queue, executor_id="me", running=lambda: scene.running, silence_s=45)
    scene.look()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    return found
