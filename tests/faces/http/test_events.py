from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from faces.http.conftest import WAIT_S, Served, serving
from faces.http.streams import messages, say, told
from kiln.faces.http.options import HttpOptions
from kiln.jobs.records.events import Event
from kiln.jobs.records.job import Job
from kiln.jobs.service import Service


@pytest.fixture
def job(shared: Served) -> Job:
    return shared.service.jobs.start(shared.queued(), executor_id="me")


def test_a_stream_tells_all_and_ends_with_the_job(shared: Served, shared_client: httpx.Client, job: Job) -> None:
    with shared_client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
        events = told(stream)
        before = [event["data"]["state"] for event in islice(events, 2)]
        job = say(shared.service, job, 120)
        shared.service.jobs.succeed(job, results={}, measured=[])
        after = list(events)
    assert before == ["queued", "running"]
    assert [event["seq"] for event in after] == list(range(3, 124))
    assert after[-1]["data"]["state"] == "succeeded"


def test_a_dropped_stream_goes_on_without_gap_or_repeat(shared: Served, shared_client: httpx.Client, job: Job) -> None:
    """Case 20: dropped after every few events, while more are written."""
    total = 300

    def write() -> None:
        shared.service.jobs.succeed(say(shared.service, job, total - 3), results={}, measured=[])

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[int] = []
    while len(seen) < total:
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        with shared_client.stream("GET", f"/v1/jobs/{job.id}/events", headers=headers) as stream:
            seen += [event["seq"] for event in islice(told(stream), 37)]
    writer.join()
    assert seen == list(range(1, total + 1))
    with shared_client.stream("GET", f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": str(total)}) as stream:
        assert list(told(stream)) == []


@pytest.mark.parametrize("last", ["999999999999999999", "7"])
def test_an_event_that_never_was_is_taken_for_the_newest(shared: Served, shared_client: httpx.Client, job: Job, last: str) -> None:
    with shared_client.stream("GET", f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last}) as stream:
        shared.service.jobs.succeed(job, results={}, measured=[])
        assert [event["seq"] for event in told(stream)] == [3]


@pytest.mark.parametrize("last", ["-1", "x", "1e3", "9" * 40])
def test_what_is_no_number_of_an_event_is_refused(shared_client: httpx.Client, job: Job, last: str) -> None:
    assert shared_client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last}).status_code == 422


def test_a_reader_who_does_not_read_holds_up_nobody(shared: Served, shared_client: httpx.Client, job: Job) -> None:
    """Case 20: a client that takes nothing of a job's 0.6 MB of events."""
    for _ in range(8):
        job = say(shared.service, job, 70, text="x" * 1000)
    with _followed(shared, job) as lazy:
        assert lazy.recv(100).startswith(b"HTTP/1.1 200")
        shared.service.jobs.succeed(job, results={}, measured=[])
        with shared_client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            assert sum(1 for _ in told(stream)) == 563
        assert shared_client.get("/health").status_code == 200


def test_two_hundred_idle_streams_are_stable_and_cheap(
    shared: Served, shared_client: httpx.Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 20: however many streams there are, one query asks for all of them; and every one of them hears of the end."""
    asked: list[int] = []
    look = shared.service.jobs.events

    def counted(*args: Any, **options: Any) -> tuple[Event, ...]:
        asked.append(1)
        return look(*args, **options)

    monkeypatch.setattr(shared.service.jobs, "events", counted)
    with ExitStack() as stack:
        idle = [stack.enter_context(_followed(shared, job)) for _ in range(200)]
        assert all(_read_to(stream, b"id: 2\n") for stream in idle)
        for _ in range(20):
            assert shared_client.get("/health").status_code == 200
        quiet = len(asked)
        shared.service.jobs.succeed(job, results={}, measured=[])
        assert all(_read_to(stream, b'"succeeded"') for stream in idle)
    assert quiet <= 400  # each looks once more after its first page, and then only when there is something


def _followed(served: Served, job: Job) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", served.port), timeout=WAIT_S)
    opened.sendall(f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return opened


def _read_to(stream: socket.socket, words: bytes) -> bool:
    found = b""
    while words not in found and (more := stream.recv(65536)):
        found += more
    return words in found


def test_a_stopping_service_says_so_and_stops(service: Service) -> None:
    with serving(service, HttpOptions(poll_s=0.05)) as running:
        job = running.queued()
        with running.client() as client, client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            found = messages(stream)
            assert next(found)["event"] == "state"
            running.server.should_exit = True
            assert [list(message) for message in found] == [["comment"]]


def test_a_tenant_may_open_only_so_many_streams(service: Service) -> None:
    with serving(service, HttpOptions(poll_s=0.05, streams_of_tenant=1)) as running, running.client() as client:
        job = running.queued()
        with client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            events = told(stream)  # kept: when it goes, it closes the stream
            assert next(events)["seq"] == 1
            refused = client.get(f"/v1/jobs/{job.id}/events")
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "6")
        with socketed(running, job.id) as opened:
            assert next(said(opened))["seq"] == 1


def test_a_web_socket_tells_the_same(shared: Served, shared_client: httpx.Client, job: Job) -> None:
    with socketed(shared, job.id) as opened:
        events = said(opened)
        first = list(islice(events, 2))
        shared.service.jobs.succeed(say(shared.service, job, 60), results={}, measured=[])
        rest = list(events)
        assert opened.close_code == 1000
    with shared_client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
        assert list(told(stream)) == first + rest
    with socketed(shared, job.id, "?after=60") as opened:
        assert [event["seq"] for event in said(opened)] == [61, 62, 63]


def test_a_web_socket_needs_the_key_of_the_jobs_tenant(served: Served) -> None:
    mine, other = served.key("mine"), served.key("other")
    job = served.queued(tenant="mine")
    for key, code in ((other, 4404), ("kiln_wrong", 4401)):
        with socketed(served, job.id) as opened:
            opened.send(json.dumps({"key": key}))
            assert list(said(opened)) == []
            assert opened.close_code == code
    with socketed(served, job.id) as opened:
        opened.send(json.dumps({"key": mine}))
        assert next(said(opened))["seq"] == 1
    with socketed(served, job.id, subprotocols=["kiln.v1", mine]) as opened:
        assert opened.subprotocol == "kiln.v1"
        assert next(said(opened))["seq"] == 1
    with socketed(served, job.id, additional_headers={"Authorization": f"Bearer {mine}"}) as opened:
        assert next(said(opened))["seq"] == 1
    with socketed(served, job.id) as opened:
        opened.send("[[[")
        assert list(said(opened)) == []
        assert opened.close_code == 4401


def socketed(served: Served, job_id: str, query: str = "", **options: object) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{served.port}/v1/jobs/{job_id}/ws{query}", proxy=None, **options)  # type: ignore[arg-type]


def said(opened: ClientConnection) -> Iterator[dict[str, object]]:
    try:
        while True:
            yield json.loads(opened.recv(WAIT_S))
    except ConnectionClosed:
        return
