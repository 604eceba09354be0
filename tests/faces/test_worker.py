"""`kiln worker`: it joins a queue that machines share, or says what is missing."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from jobs import postgres
from served import LIMIT_S, kiln, served, start


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "KILN_DATABASE_URL"),
        ({"KILN_DATABASE_URL": "sqlite:///jobs.sqlite", "KILN_STORE": "store"}, "PostgreSQL"),
        ({"KILN_DATABASE_URL": "postgresql://kiln:secret@127.0.0.1:9/kiln"}, "KILN_STORE"),
    ],
)
def test_without_a_shared_queue_and_store_it_does_not_start(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    done = kiln("worker", cwd=tmp_path, **environment)
    assert done.returncode == 4
    assert words in done.stderr and "secret" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_one_more_worker_takes_the_jobs_of_a_service_and_leaves_in_peace(tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((10, 10, 54, 54), fill=(200, 60, 30, 255))
    picture.save(tmp_path / "ball.png")
    with postgres.server() as database:
        shared = {"KILN_DATABASE_URL": database.url, "KILN_STORE": str(tmp_path / "store")}
        with served(tmp_path, "--no-worker", **shared) as server:
            worker = start(
                "worker", "--name", "second", "--health-port", 0, "--data", "second", cwd=tmp_path, log=tmp_path / "worker.log", **shared
            )
            try:
                assert worker.stdout is not None
                health = worker.stdout.readline().split()[-1]
                assert httpx.get(health, trust_env=False, timeout=LIMIT_S).status_code == 200
                small = ("--triangles", 100, "--size", 256, "--no-previews")
                made = kiln("make", "ball.png", *small, "--server", server.url, cwd=tmp_path)
                assert made.returncode == 0, made.stderr
                twin = kiln("worker", "--name", "second", "--data", "twin", cwd=tmp_path, **shared)
                assert twin.returncode == 4 and "second" in twin.stderr
                worker.send_signal(signal.SIGTERM)
                out, _ = worker.communicate(timeout=LIMIT_S)
                assert (worker.returncode, "stops" in out) == (0, True)
            finally:
                worker.kill()
                worker.communicate()
