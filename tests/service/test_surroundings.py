"""Cases 7, 11 to 16 and 36: what happens around a service, its database, its disk, its clock, its code and its operator."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import select

import kiln as package
from jobs import postgres
from kiln.jobs.records.tables import EXECUTORS
from lanes import linux, resident_bytes
from service.harness import LIMIT_S, House, house, picture, wait_until

pytestmark = linux

MIB = 1 << 20
NEWER = "9.9.9"


def test_a_server_that_is_sent_home_ends_its_stage_begins_no_other_and_leaves_in_peace(tmp_path: Path) -> None:
    """Case 14."""
    with house(tmp_path) as kiln:
        server = kiln.serve("--grace", "60")
        ball = kiln.upload()
        running = kiln.submit(kiln.order(ball, number=1, deed="wait", seconds=1.0))
        waiting = [kiln.submit(kiln.order(ball, number=number)) for number in range(2, 9)]
        kiln.wait_for_stage(running, "generate")
        assert server.stop() == 0
        begun = kiln.diary()
        assert kiln.diary("ends").count(1) == 1
        assert not any(event.data.get("outcome") == "failed" for event in kiln.history().events)
        kiln.assert_sound(all_ended=False)
        server.start()
        for job_id in (running, *waiting):
            kiln.done(job_id)
        assert Counter(kiln.diary()) == Counter(range(1, 9))
        assert len(begun) < 8
        kiln.assert_sound()


def test_what_needs_a_gpu_fails_clearly_without_one_and_the_rest_works(tmp_path: Path) -> None:
    """Case 36: a server without a GPU."""
    with house(tmp_path) as kiln:
        kiln.serve()
        ball = kiln.upload()
        failure = kiln.failed(kiln.submit(kiln.order(ball, gpu=True)))
        assert failure["reason"] == "setup" and "--gpu" in failure["message"]
        kiln.done(kiln.submit(kiln.order(ball)))
        kiln.assert_sound()


@pytest.mark.long
def test_two_workers_never_use_one_gpu_at_once(tmp_path: Path, postgres_server: postgres.Server) -> None:
    """Case 7: as the checker and the stages' own diary say."""
    with house(tmp_path, database_url=postgres_server.empty_database()) as kiln:
        kiln.serve("--no-worker")
        for name in ("left", "right"):
            kiln.worker(name, "--data", tmp_path / name, "--gpu", "0")
        ball = kiln.upload()
        jobs = [kiln.submit(kiln.order(ball, gpu=True, number=number, deed="wait", seconds=0.3)) for number in range(20)]
        for job_id in jobs:
            kiln.done(job_id)
        assert {kiln.history().jobs[job_id].executor_id for job_id in jobs} == {"left", "right"}
        lines = [line.split() for line in (tmp_path / "diary").read_text().splitlines()]
        assert [what for _, what, *_ in lines] == ["begins", "ends"] * 20
        kiln.assert_sound()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for a service's data, with room for a few jobs above the floor that is kept free."""
    place = tmp_path / "data"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=384m", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.long
def test_a_full_disk_stops_admission_and_work_goes_on_once_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    """Case 11: without a restart."""
    with house(tmp_path) as kiln:
        kiln.serve()
        ball = kiln.upload()
        running = kiln.submit(kiln.order(ball, number=1, deed="wait", seconds=2.0))
        kiln.wait_for_stage(running, "generate")
        fill(small_disk / "others")
        wait_until(lambda: kiln.ask("GET", "/readyz").status_code == 503)
        assert any("free some" in trouble for trouble in kiln.ask("GET", "/readyz").json()["troubles"])
        refused = kiln.ask("POST", "/v1/jobs", json=kiln.order(ball, number=2))
        assert refused.status_code == 507 and "free some" in refused.json()["detail"]
        wait_until(lambda: kiln.diary("ends") == [1])
        time.sleep(3.0)  # it tries to keep what its stage has made
        assert kiln.look(running)["state"] == "running"
        (small_disk / "others").unlink()
        wait_until(kiln.is_ready)
        after = kiln.submit(kiln.order(ball, number=2))
        for job_id in (running, after):
            kiln.done(job_id)
        assert kiln.look(running)["attempts"] == 1
        with closing(sqlite3.connect(small_disk / "jobs.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kiln.assert_sound()


def fill(path: Path) -> None:
    """What another program leaves of a disk: nothing."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(MIB)):
            pass


@pytest.mark.long
def test_postgresql_that_restarts_is_waited_for_and_said(tmp_path: Path) -> None:
    """Case 12."""
    with postgres.server() as database, house(tmp_path, database_url=database.empty_database()) as kiln:
        kiln.serve()
        ball = kiln.upload()
        running = kiln.submit(kiln.order(ball, number=1, deed="wait", seconds=5.0))
        kiln.wait_for_stage(running, "generate")
        database.stop(at_once=True)
        wait_until(lambda: kiln.ask("GET", "/readyz").status_code == 503)
        assert kiln.ask("GET", "/livez").status_code == 200
        assert kiln.ask("POST", "/v1/jobs", json=kiln.order(ball)).status_code == 503
        time.sleep(6.0)  # the stage ends meanwhile
        database.start()
        wait_until(kiln.is_ready)
        after = kiln.submit(kiln.order(ball, number=2))
        for job_id in (running, after):
            kiln.done(job_id)
        assert kiln.look(running)["attempts"] == 1
        kiln.assert_sound()


@pytest.mark.long
def test_sqlite_that_is_locked_for_twenty_seconds_is_waited_for(tmp_path: Path) -> None:
    """Case 12."""
    with house(tmp_path) as kiln:
        kiln.serve()
        ball = kiln.upload()
        running = kiln.submit(kiln.order(ball, number=1, deed="wait", seconds=2.0))
        kiln.wait_for_stage(running, "generate")
        with locked(kiln.data / "jobs.sqlite"), locked(kiln.data / "workflows.sqlite"):
            time.sleep(20.0)
        after = kiln.submit(kiln.order(ball, number=2))
        for job_id in (running, after):
            kiln.done(job_id)
        assert kiln.look(running)["attempts"] == 1
        kiln.assert_sound()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else writes into it, and takes their time."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.long
@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_clock_that_jumps_makes_nobody_late(tmp_path: Path, postgres_server: postgres.Server, jump_s: int) -> None:
    """Case 13: of the server and one of two workers, in the middle of their stages."""
    clock = tmp_path / "clock"
    with house(tmp_path, database_url=postgres_server.empty_database()) as kiln:
        kiln.worker("steady")
        kiln.environment["KILN_TEST_CLOCK"] = str(clock)
        kiln.serve("--no-worker")
        kiln.worker("jumps")
        ball = kiln.upload()
        jobs = [kiln.submit(kiln.order(ball, number=number, deed="wait", seconds=4.0)) for number in range(6)]
        wait_until(lambda: len(kiln.diary()) >= 2)
        clock.write_text(str(jump_s))
        jobs += [kiln.submit(kiln.order(ball, number=number)) for number in range(6, 12)]
        for job_id in jobs:
            assert kiln.done(job_id)["attempts"] == 1
        assert len(kiln.diary()) == 12
        kiln.assert_sound()


@pytest.mark.long
def test_jobs_of_the_version_before_an_upgrade_are_done_after_it(tmp_path: Path) -> None:
    """Case 15: a half-done job and queued ones, and then another version, with other code in its stages."""
    with house(tmp_path) as kiln:
        server = kiln.serve()
        ball = kiln.upload()
        half_done = kiln.submit(kiln.order(ball, number=1, deed="wait", seconds=60.0, times=1))
        queued = [kiln.submit(kiln.order(ball, number=number)) for number in range(2, 9)]
        kiln.wait_for_stage(half_done, "generate")
        server.stop(signal.SIGKILL)
        kiln.environment["PYTHONPATH"] = os.pathsep.join([str(newer_code(tmp_path)), kiln.environment["PYTHONPATH"]])
        server = kiln.serve()
        for job_id in (half_done, *queued):
            kiln.done(job_id)
        assert kiln.look(half_done)["attempts"] == 2
        with kiln.database() as database:
            assert database.read(lambda connection: list(connection.execute(select(EXECUTORS.c.version)).scalars())) == [NEWER]
        kiln.assert_sound()


def newer_code(folder: Path) -> Path:
    """A copy of Kiln with another number, and a stage that says so."""
    source = Path(package.__file__).parent
    copy = folder / "newer" / "kiln"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "version.py").write_text((copy / "version.py").read_text() + f'\nVERSION = "{NEWER}"\n')
    (copy / "stages" / "simplify.py").write_text((copy / "stages" / "simplify.py").read_text() + "\n# newer\n")
    return copy.parent


@pytest.mark.long
def test_a_batch_of_500_with_50_bad_items_is_fair_and_leaks_nothing(tmp_path: Path) -> None:
    """Case 16: two tenants; the one who comes second with ten jobs is not last."""
    with house(tmp_path) as kiln:
        keys = {tenant: kiln.command("keys", "create", "--tenant", tenant).stdout.strip() for tenant in ("many", "few")}
        server = kiln.serve()
        orders = {tenant: kiln.order(upload_as(kiln, key), number=0) for tenant, key in keys.items()}
        bad = [
            {"recipe": "no such recipe"},
            {**orders["many"], "inputs": {}},
            {**orders["many"], "parameters": {"simplify": {"triangles": -1}}},
        ]
        items = [bad[number % 3] if number % 10 == 0 else orders["many"] for number in range(500)]
        batch = kiln.ask("POST", "/v1/batches", json={"items": items}, headers=bearer(keys["many"])).json()
        few = [kiln.ask("POST", "/v1/jobs", json=orders["few"], headers=bearer(keys["few"])).json()["job"]["id"] for _ in range(10)]
        wait_until(lambda: standing(kiln, batch["id"], keys["many"]).get("succeeded", 0) > 20)
        before = resident_bytes(server.process.pid)
        wait_until(lambda: standing(kiln, batch["id"], keys["many"]) == {"succeeded": 450, "failed": 50}, within_s=5 * LIMIT_S)
        history = kiln.history()
        assert all(job.failure is not None and job.failure.message for job in history.jobs.values() if job.state == "failed")
        last_of_few = max(history.jobs[job_id].ended_ms or 0 for job_id in few)
        later = sum((job.ended_ms or 0) > last_of_few for job in history.jobs.values() if job.tenant == "many")
        assert later > 400
        assert resident_bytes(server.process.pid) - before < 20 * MIB
        kiln.assert_sound()


def upload_as(kiln: House, key: str) -> str:
    files = {"file": ("ball.png", picture())}
    return str(kiln.ask("POST", "/v1/uploads", files=files, headers=bearer(key)).json()["id"])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def standing(kiln: House, batch_id: str, key: str) -> dict[str, int]:
    """How many of a batch's jobs are in each state."""
    return dict(kiln.ask("GET", f"/v1/batches/{batch_id}", headers=bearer(key)).json()["counts"])
