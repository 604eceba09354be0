"""What a service that is left running costs: at its start, while nothing happens, under many watchers, and after thousands of jobs."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lanes import linux, open_files, resident_bytes
from service.harness import LIMIT_S, House, house, picture, wait_until

pytestmark = [linux, pytest.mark.long]

MIB = 1 << 20
READY_S = 3.0
IDLE_BYTES = 200 * MIB
IDLE_SHARE = 0.02
"""Of one core."""

SLACK = 2.0
"""For other things that this machine does meanwhile; the figures that are told are without it."""

STREAMS = 200
JOBS = 2000
GROWTH_BYTES = 20 * MIB
"""Of a process that carries out that many jobs, once the first hundreds have filled its caches."""


@pytest.fixture
def kiln(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def test_it_is_ready_soon_and_idles_on_little(kiln: House, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    pid = kiln.serve().process.pid
    ready_s = time.monotonic() - began
    kiln.done(kiln.submit(kiln.order(kiln.upload())))  # so that all of it is loaded that will be
    idle = share_of_core(pid, over_s=20.0)
    resident = resident_bytes(pid)
    with ExitStack() as opened:
        job_id = kiln.submit(kiln.order(kiln.upload(), number=1, deed="hang", seconds=3600.0))
        kiln.wait_for_stage(job_id, "generate")
        streams = [opened.enter_context(follow(kiln, job_id)) for _ in range(STREAMS)]
        assert all(heard(stream, b'"stage_started"') for stream in streams)
        watched = share_of_core(pid, over_s=20.0)
        watched_bytes = resident_bytes(pid)
        assert kiln.ask("GET", "/health", timeout=1.0).status_code == 200
        kiln.ask("POST", f"/v1/jobs/{job_id}/cancel")
        assert all(heard(stream, b'"cancelled"') for stream in streams)
    tell(
        capsys,
        ready_s=ready_s,
        resident_mib=resident / MIB,
        idle_share=idle,
        with_streams_mib=watched_bytes / MIB,
        with_streams_share=watched,
    )
    assert ready_s < READY_S * SLACK
    assert max(resident, watched_bytes) < IDLE_BYTES
    assert idle < IDLE_SHARE * SLACK


def test_memory_is_flat_over_thousands_of_jobs(kiln: House, capsys: pytest.CaptureFixture[str]) -> None:
    pid = kiln.serve().process.pid
    item = {"kind": "inspect", "inputs": {"model": kiln.upload(picture())}}
    run_batch(kiln, item, JOBS // 5)
    before, files = resident_bytes(pid), open_files(pid)
    began = time.monotonic()
    for _ in range(4):
        run_batch(kiln, item, JOBS // 5)
    after = resident_bytes(pid)
    tell(capsys, jobs_per_s=4 * (JOBS // 5) / (time.monotonic() - began), before_mib=before / MIB, after_mib=after / MIB)
    assert after - before < GROWTH_BYTES
    assert open_files(pid) - files < 20
    kiln.assert_sound()


def run_batch(kiln: House, item: dict[str, object], count: int) -> None:
    """So many jobs, all of which find their one stage done."""
    batch = kiln.ask("POST", "/v1/batches", json={"items": [item] * count}).json()
    wait_until(lambda: kiln.ask("GET", f"/v1/batches/{batch['id']}").json()["counts"] == {"succeeded": count}, within_s=10 * LIMIT_S)


def share_of_core(pid: int, *, over_s: float) -> float:
    """What a process uses of one core while nobody asks it anything."""
    before = cpu_s(pid)
    time.sleep(over_s)
    return (cpu_s(pid) - before) / over_s


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def follow(kiln: House, job_id: str) -> socket.socket:
    """A stream of a job's events."""
    assert kiln.server is not None
    opened = socket.create_connection(("127.0.0.1", kiln.server.port), timeout=LIMIT_S)
    opened.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return opened


def heard(stream: socket.socket, words: bytes) -> bool:
    """Whether a stream says this before it ends."""
    found = b""
    while words not in found and (more := stream.recv(65536)):
        found += more
    return words in found


def tell(capsys: pytest.CaptureFixture[str], **figures: float) -> None:
    """What was measured."""
    with capsys.disabled():
        sys.stdout.write("\n" + json.dumps({name: round(value, 3) for name, value in figures.items()}) + "\n")
