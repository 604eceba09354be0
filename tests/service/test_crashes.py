"""Cases 1, 3, 5 and 6: processes that die in the middle, at the level of the whole service. Real processes, real kills."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from jobs import postgres
from lanes import linux
from service.harness import House, children, house, wait_until
from service.mischief import POINTS

pytestmark = linux


def test_a_worker_killed_in_a_gpu_stage_goes_on_where_it_was(tmp_path: Path) -> None:
    """Case 1."""
    with house(tmp_path) as kiln:
        server = kiln.serve("--gpu", "0")
        job_id = kiln.submit(kiln.order(kiln.upload(), gpu=True, deed="wait", seconds=60.0, times=1))
        kiln.wait_for_stage(job_id, "generate")
        os.kill(server.process.pid, signal.SIGKILL)
        server.stop()
        server.start()
        job = kiln.done(job_id)
        assert job["attempts"] == 2
        outcomes = [(data["stage"], data["outcome"]) for data in kiln.events(job_id, "stage_finished")]
        assert Counter(outcomes) == Counter(
            [(stage, "done") for stage in ("read_picture", "cutout", "generate", "simplify", "unwrap", "place", "export")]
            + [(stage, "shared") for stage in ("read_picture", "cutout")]
        )
        charges = kiln.events(job_id, "charge")
        assert [data["kind"] for data in charges] == ["hold", "settle"]
        assert 0 < sum(data["gpu_ms"] for data in charges) < 2000
        assert_one_package(kiln, job)
        kiln.assert_sound()


def assert_one_package(kiln: House, job: dict[str, object]) -> None:
    assert len(job["results"]) == len(kiln.history().files)
    shelf = kiln.ask("GET", "/v1/assets").json()["assets"]
    assert len(shelf) == 1 and shelf[0]["id"].endswith(str(job["id"]).removeprefix("job_"))


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_a_server_killed_in_a_submit_makes_one_job_of_what_is_asked_again(tmp_path: Path, point: str) -> None:
    """Case 3."""
    with house(tmp_path, KILN_TEST_DIES=f"{point}:{tmp_path / 'died'}") as kiln:
        server = kiln.serve()
        order = kiln.order(kiln.upload())
        with pytest.raises(httpx.TransportError):
            kiln.ask("POST", "/v1/jobs", json=order, headers={"Idempotency-Key": "once"})
        server.stop()
        server.start()
        job_id = kiln.submit(order, key="once")
        kiln.done(job_id)
        assert list(kiln.history().jobs) == [job_id]
        kiln.assert_sound()


@pytest.mark.long
def test_a_job_that_always_kills_its_worker_is_stopped_and_others_are_done(tmp_path: Path) -> None:
    """Case 5."""
    with house(tmp_path) as kiln:
        server = kiln.serve()
        picture = kiln.upload()
        kiln.done(kiln.submit(kiln.order(picture)))  # so that no attempt of the next one gets anywhere by its first stages
        poison = kiln.submit(kiln.order(picture, number=1, deed="kill_worker", seconds=1.0))
        innocent = kiln.submit(kiln.order(picture, number=2))
        for _ in range(3):
            wait_until(lambda: server.process.poll() is not None)
            server.stop()
            server.start()
        job = kiln.wait_for(poison, "succeeded", "failed")
        assert (job["failure"]["reason"], job["attempts"]) == ("crashed", 3)
        kiln.done(innocent)
        kiln.assert_sound()


@pytest.mark.long
def test_a_worker_that_wakes_up_too_late_changes_nothing(tmp_path: Path, postgres_server: postgres.Server) -> None:
    """Case 6: it is frozen in a stage, with its lane; its job is done elsewhere, and nothing it still does counts."""
    with house(tmp_path, database_url=postgres_server.empty_database()) as kiln:
        kiln.serve("--no-worker")
        sleeper = kiln.worker("sleeper")
        job_id = kiln.submit(kiln.order(kiln.upload(), deed="wait", seconds=4.0, times=1))
        kiln.wait_for_stage(job_id, "generate")
        frozen = [sleeper.pid, *children(sleeper.pid)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        kiln.worker("other")
        since = time.monotonic()
        kiln.done(job_id)
        assert time.monotonic() - since < 90
        before = kiln.history()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        again = kiln.submit(kiln.order(kiln.upload(), number=7))
        kiln.done(again)
        wait_until(lambda: kiln.diary("ends").count(0) == 2)
        assert [event for event in kiln.history().events if event.job_id == job_id] == list(before.events)
        kiln.assert_sound()
