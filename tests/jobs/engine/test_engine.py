"""The queue and the engine, on both databases: nothing pickled, failures as they were, fair order, stages here and on other workers."""

from __future__ import annotations

import base64
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import InterfaceError

from jobs.processes import Process
from jobs.rig import RESULT, FakeLanes, Records, call, order, records, state_of, wait_until
from kiln.errors import Cancelled, PictureError, SetupError, StorageError
from kiln.jobs.engine import SCHEMA, Engine, WorkflowQueue
from kiln.jobs.executors.interface import LaneKind, Progress
from kiln.jobs.records.job import Job
from kiln.jobs.records.job_store import JobStore

POLL_S = 0.05


@pytest.fixture
def kept(database_url: str) -> Iterator[Records]:
    with records(database_url) as opened:
        yield opened


@contextmanager
def launched(
    queue: WorkflowQueue, carry_out: Callable[[str], None] = print, *, lanes: FakeLanes | None = None, name: str = "w1", width: int = 2
) -> Iterator[Engine]:
    lanes = lanes or FakeLanes()
    counts: dict[LaneKind, int] = {kind: len(pool.lanes) for kind, pool in lanes.pools.items()}
    engine = Engine(
        queue,
        executor_id=name,
        carry_out=carry_out,
        run_stage=lambda stage, told, asked: lanes.run(stage, on_progress=told, cancel=asked),
        width=width,
        lanes=counts,
        poll_s=POLL_S,
    )
    engine.launch()
    try:
        yield engine
    finally:
        engine.close()


def run(engine: Engine, stage: str, *, lane: LaneKind = "cpu", told: Callable[[Progress], None] = lambda _: None) -> object:
    return engine.stage(call(stage, lane=lane), workflow_id=f"job:{stage}", on_progress=told, cancel=lambda: False)


def submitted(kept: Records, do: str = "nothing", **terms: str) -> Job:
    job = JobStore(kept.database).submit(order(do, **terms)).job
    kept.queue.enqueue(job)
    return job


def test_a_job_is_carried_out_once_however_often_it_is_enqueued(kept: Records) -> None:
    job = submitted(kept)
    kept.queue.enqueue(job)
    begun: list[str] = []
    with launched(kept.queue, begun.append):
        wait_until(lambda: kept.queue.look_up([job.id])[job.id].step == "ended")
        kept.queue.enqueue(job)
        other = submitted(kept)
        wait_until(lambda: kept.queue.look_up([other.id])[other.id].step == "ended")
    assert begun == [job.id, other.id]


def test_a_result_that_the_database_could_not_take_is_storage_s_trouble_and_the_stage_runs_again(kept: Records) -> None:
    is_away = threading.Event()

    def refuse(connection: object, cursor: object, statement: str, *more: object) -> None:
        if is_away.is_set() and "INSERT INTO" in statement and "workflow_output" in statement:
            is_away.clear()
            raise InterfaceError(statement, None, Exception("the connection is gone"))

    event.listen(kept.queue.pool, "before_cursor_execute", refuse)
    lanes = FakeLanes()
    with launched(kept.queue, lanes=lanes) as engine:
        with pytest.raises(StorageError):
            run(engine, "lod", told=lambda _: is_away.set())
        assert run(engine, "lod") == RESULT
    assert lanes.ran == ["lod", "lod"]


def test_an_ended_workflow_and_one_that_never_was_are_resumed(kept: Records) -> None:
    job = submitted(kept)
    begun: list[str] = []
    with launched(kept.queue, begun.append):
        for times in (1, 2):
            wait_until(lambda: kept.queue.look_up([job.id])[job.id].step == "ended")
            assert begun == [job.id] * times
            kept.queue.resume(job)
        wait_until(lambda: len(begun) == 3)
        never = JobStore(kept.database).submit(order()).job
        kept.queue.resume(never)
        wait_until(lambda: never.id in begun)


def test_a_body_that_breaks_takes_no_place(kept: Records) -> None:
    def break_off(_: str) -> None:
        raise RuntimeError("broken")

    with launched(kept.queue, break_off, width=1):
        jobs = [submitted(kept) for _ in range(3)]
        wait_until(lambda: all(found.step == "ended" for found in kept.queue.look_up([job.id for job in jobs]).values()))


def test_few_jobs_among_many_are_begun_among_the_first(kept: Records) -> None:
    store = JobStore(kept.database)
    for tenant, count in (("many", 300), ("few", 5)):
        for receipt in store.submit_all([order(tenant=tenant)] * count):
            kept.queue.enqueue(receipt.job)
    begun: list[str] = []
    enough = threading.Event()

    def body(job_id: str) -> None:
        begun.append(store.get(job_id).tenant)
        if begun.count("few") == 5:
            enough.set()
            threading.Event().wait(0.5)  # the rest need not run

    with launched(kept.queue, body):
        assert enough.wait(timeout=60)
    assert len(begun) <= 16


def test_a_stage_is_run_once_and_its_result_kept(kept: Records) -> None:
    lanes, told = FakeLanes(), []
    with launched(kept.queue, lanes=lanes) as engine:
        assert run(engine, "bake", told=told.append) == RESULT
        assert run(engine, "bake") == RESULT
    assert lanes.ran == ["bake"]
    assert [progress.share for progress in told] == [0.5]


def test_a_failed_stage_fails_alike_and_is_run_anew(kept: Records) -> None:
    lanes = FakeLanes()
    with launched(kept.queue, lanes=lanes) as engine:
        for _ in range(2):
            with pytest.raises(PictureError, match=r"^a picture without a subject$"):
                run(engine, "bad")
    assert lanes.ran == ["bad", "bad"]


def test_stages_run_side_by_side_and_are_cancelled(kept: Records) -> None:
    stop = threading.Event()
    with launched(kept.queue) as engine, ThreadPoolExecutor(3) as pool:
        waits = [
            pool.submit(engine.stage, call("hang"), workflow_id=f"job:{n}", on_progress=lambda _: None, cancel=stop.is_set)
            for n in range(3)
        ]
        assert run(engine, "bake") == RESULT
        stop.set()
        assert {type(wait.exception(timeout=60)) for wait in waits} == {Cancelled}


def all_text(kept: Records) -> str:
    """Everything in DBOS' tables."""
    pool = kept.queue.pool
    schema = SCHEMA if pool.dialect.name == "postgresql" else None
    prefix = f"{schema}." if schema else ""
    with pool.connect() as connection:
        tables = inspect(connection).get_table_names(schema=schema)
        return "".join(str(row) for table in tables for row in connection.execute(text(f'SELECT * FROM {prefix}"{table}"')))  # noqa: S608


def test_nothing_in_the_tables_is_pickled(kept: Records) -> None:
    job = submitted(kept)
    with launched(kept.queue) as engine:
        run(engine, "bake")
        with pytest.raises(PictureError):
            run(engine, "bad")
        wait_until(lambda: kept.queue.look_up([job.id])[job.id].step == "ended")
    found = all_text(kept)
    assert job.id in found
    assert "py_pickle" not in found
    assert base64.b64encode(pickle.dumps(0))[:4].decode() not in found  # what every pickle of this protocol begins with, in their coding


class Booby:
    """Tells when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_an_edited_row_executes_nothing(kept: Records, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    pickled = base64.b64encode(pickle.dumps({"args": (Booby(trap),), "kwargs": {}})).decode()
    job = submitted(kept)
    prefix = f"{SCHEMA}." if kept.queue.pool.dialect.name == "postgresql" else ""
    with kept.queue.pool.connect() as connection:
        inputs = inspect(connection).get_columns("workflow_status", schema=prefix.removesuffix(".") or None)
        assert {"inputs", "serialization"} <= {column["name"] for column in inputs}
        edit = f"UPDATE {prefix}workflow_status SET inputs = :inputs, output = :inputs, serialization = 'py_pickle'"  # noqa: S608
        connection.execute(text(edit), {"inputs": pickled})
        connection.commit()
    begun: list[str] = []
    with launched(kept.queue, begun.append):
        wait_until(lambda: kept.queue.look_up([job.id])[job.id].step == "ended")
    kept.queue.tries(job.id)
    assert begun == []
    assert not trap.exists()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestAnotherWorker:
    """On PostgreSQL, where there may be several."""

    @pytest.fixture
    def far(self, kept: Records, database_url: str) -> Iterator[Process]:
        with Process("toiler", database_url, "far", json.dumps({"lanes": {"gpu": 1}})) as process:
            process.wait_for("ready")
            yield process

    def test_runs_what_this_one_has_no_lane_for(self, kept: Records, far: Process) -> None:
        told: list[Progress] = []
        with launched(kept.queue) as engine:
            assert run(engine, "bake", lane="gpu", told=told.append) == RESULT
            with pytest.raises(PictureError, match=r"^a picture without a subject$"):
                run(engine, "bad", lane="gpu")

    def test_tells_how_far_it_is_and_is_stopped(self, kept: Records, far: Process) -> None:
        told = threading.Event()
        with launched(kept.queue) as engine:
            with pytest.raises(Cancelled):
                engine.stage(call("hang", lane="gpu"), workflow_id="job:hang", on_progress=lambda _: told.set(), cancel=told.is_set)
            assert run(engine, "bake", lane="gpu") == RESULT  # its one lane is free again


def test_a_stage_nobody_takes_is_waited_for_no_longer_than_it_says(kept: Records) -> None:
    short = call("bake", lane="gpu")
    short = short.model_copy(update={"limits": short.limits.model_copy(update={"wait_seconds": 0.1})})
    words = "this service has none: start it with --gpu 0" if kept.queue.is_lonely else "no worker with a gpu lane took bake"
    with launched(kept.queue) as engine, pytest.raises(SetupError, match=words):
        engine.stage(short, workflow_id="job:bake", on_progress=lambda _: None, cancel=lambda: False)


def test_a_queue_out_of_reach_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="out of reach") as raised:
        WorkflowQueue(f"postgresql://me:secret9@/kiln?host={tmp_path}")
    assert "secret9" not in str(raised.value)
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be made"):
        WorkflowQueue(f"sqlite:///{tmp_path / 'file' / 'jobs.sqlite'}")


def test_a_job_that_was_never_claimed_stays_queued(kept: Records) -> None:
    job = submitted(kept)
    assert state_of(JobStore(kept.database), job.id) == "queued"
    assert kept.queue.look_up([job.id, "job_none"])[job.id].step == "waiting"
