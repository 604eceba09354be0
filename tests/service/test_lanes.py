"""Cases 2, 8, 9, 10 and the jobs' part of 35: stages that die, hang, or are no longer wanted. One server outlives them all."""

from __future__ import annotations

import json
import os
import time

import httpx
import pytest

from lanes import is_gone, linux
from service.harness import House, children, wait_until

pytestmark = linux

SOON_S = 10.0
"""A running job has ended so soon after it was cancelled."""


def lane_of(kiln: House, number: int) -> int:
    """The process in which the newest call of a script runs."""
    wait_until(lambda: number in kiln.diary())
    lines = (kiln.folder / "diary").read_text(encoding="ascii").splitlines()
    return int([line for line in lines if line.startswith(f"{number} begins")][-1].split()[2])


def test_a_lane_that_dies_costs_its_own_stage_a_try(kiln: House) -> None:
    """Case 2: once by its own fault, once by kill -9, which is what the system does when memory runs out."""
    picture = kiln.upload()
    broken = kiln.submit(kiln.order(picture, number=1, deed="segfault", times=1))
    killed = kiln.submit(kiln.order(picture, number=2, gpu=True, deed="wait", seconds=60.0, times=1))
    lane = lane_of(kiln, 2)
    assert kiln.server is not None and lane in children(kiln.server.process.pid)
    os.kill(lane, 9)
    for job_id in (broken, killed):
        assert kiln.done(job_id)["attempts"] == 1
    assert (kiln.diary().count(1), kiln.diary().count(2)) == (2, 2)


@pytest.mark.long
def test_a_stage_that_always_dies_is_given_up_and_others_are_done(kiln: House) -> None:
    """Cases 2 and 5: within one worker."""
    picture = kiln.upload()
    poison = kiln.submit(kiln.order(picture, number=3, deed="segfault"))
    others = [kiln.submit(kiln.order(picture, number=number)) for number in (4, 5)]
    assert kiln.failed(poison)["reason"] == "crashed"
    for job_id in others:
        kiln.done(job_id)
    assert kiln.diary().count(3) == 3


@pytest.mark.parametrize(("deed", "number"), [("wait", 10), pytest.param("hang", 11, marks=pytest.mark.long)])
def test_a_running_job_is_cancelled_and_the_next_runs(kiln: House, deed: str, number: int) -> None:
    """Case 8: whether its stage looks up or not."""
    picture = kiln.upload()
    job_id = kiln.submit(kiln.order(picture, gpu=True, number=number, deed=deed, seconds=120.0))
    lane = lane_of(kiln, number)
    scratch = kiln.data / "lanes"
    while_running = {path.name for path in scratch.iterdir()}
    assert kiln.ask("POST", f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelling"
    since = time.monotonic()
    kiln.wait_for(job_id, "cancelled", within_s=SOON_S)
    assert time.monotonic() - since < SOON_S
    if deed == "hang":
        wait_until(lambda: is_gone(lane))  # and with it whatever it held of the GPU
        wait_until(lambda: {path.name for path in scratch.iterdir()} < while_running)
    assert [data["kind"] for data in kiln.events(job_id, "charge")] == ["hold", "release"]
    following = kiln.submit(kiln.order(picture, gpu=True, number=number + 100))
    kiln.done(following)


def test_a_queued_job_is_cancelled_before_it_starts_and_a_finished_one_is_not(kiln: House) -> None:
    """Case 8."""
    picture = kiln.upload()
    crowd = [kiln.submit(kiln.order(picture, gpu=True, number=20 + n, deed="wait", seconds=120.0)) for n in range(8)]
    last = kiln.submit(kiln.order(picture, number=30))
    assert kiln.look(last)["state"] == "queued"
    assert kiln.ask("POST", f"/v1/jobs/{last}/cancel").json()["state"] == "cancelled"
    for job_id in crowd:
        kiln.ask("POST", f"/v1/jobs/{job_id}/cancel")
    for job_id in crowd:
        kiln.wait_for(job_id, "cancelled")
    assert kiln.look(last)["attempts"] == 0
    assert 30 not in kiln.diary()
    done = kiln.submit(kiln.order(picture, number=31))
    results = kiln.wait_for(done, "succeeded")["results"]
    assert kiln.ask("POST", f"/v1/jobs/{done}/cancel").status_code == 409
    assert kiln.look(done)["results"] == results != {}


def test_a_stage_over_its_time_is_stopped_tried_once_more_and_fails_its_job(kiln: House) -> None:
    """Case 9."""
    order = kiln.order(kiln.upload(), number=40, deed="wait", seconds=120.0, limits={"stage_seconds": 2.0})
    job_id = kiln.submit(order)
    assert kiln.failed(job_id)["reason"] == "timeout"
    assert kiln.diary().count(40) == 2


@pytest.mark.long
def test_a_stage_that_hangs_in_native_code_is_killed_at_its_limit(kiln: House) -> None:
    """Case 9."""
    order = kiln.order(kiln.upload(), number=41, deed="hang", seconds=120.0, times=1, limits={"stage_seconds": 5.0})
    job_id = kiln.submit(order)
    lane = lane_of(kiln, 41)
    kiln.done(job_id)
    assert is_gone(lane)


def test_a_gpu_out_of_memory_is_said_and_its_lane_stays_healthy(kiln: House) -> None:
    """Case 10: the error is torch's by name only; with a real one, a test needs a GPU."""
    picture = kiln.upload()
    job_id = kiln.submit(kiln.order(picture, gpu=True, number=50, deed="out_of_gpu_memory"))
    failure = kiln.failed(job_id)
    assert failure["reason"] == "oom"
    assert "smaller" in failure["message"]
    following = kiln.submit(kiln.order(picture, gpu=True, number=51))
    kiln.done(following)


def test_a_job_goes_on_when_its_page_is_closed_and_every_page_sees_the_same(kiln: House) -> None:
    """Case 35: what a page is told by its stream."""
    job_id = kiln.submit(kiln.order(kiln.upload(), number=60, deed="wait", seconds=1.0))
    seen = []
    with httpx.stream("GET", kiln.address(f"/v1/jobs/{job_id}/events"), timeout=60, trust_env=False) as page:
        for event in told(page):
            seen.append(event)
            if event["kind"] == "stage_started":
                break
    kiln.wait_for(job_id, "succeeded")
    for last in (0, seen[-1]["seq"]):
        headers = {"Last-Event-ID": str(last)}
        with httpx.stream("GET", kiln.address(f"/v1/jobs/{job_id}/events"), headers=headers, timeout=60, trust_env=False) as page:
            again = [*seen[:last], *told(page)]
        assert [event["seq"] for event in again] == list(range(1, len(again) + 1))
        assert again[: len(seen)] == seen
        assert again[-1]["data"]["state"] == "succeeded"
    shares = [event["data"]["share"] for event in again if event["kind"] == "progress"]
    assert shares == sorted(shares) and shares[0] < 0.5


def told(page: httpx.Response) -> object:
    """The events of a stream."""
    return (json.loads(line.removeprefix("data: ")) for line in page.iter_lines() if line.startswith("data: "))
