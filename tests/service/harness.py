"""A Kiln as a studio would leave it running: real server and worker processes, clients over HTTP, and kill -9 at any moment.

Whatever clients were told is remembered, and at the end the whole history, as it lies in the database, is judged by `jobs.checker`.
"""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

import served
from jobs.checker import History, broken_promises, read_history, unfinished
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import State
from service import mischief, plugin

LIMIT_S = 120.0
"""For anything that takes seconds on a machine that is free."""

TESTS = Path(__file__).parent.parent
SMALL = {"cutout": {"backend": "fake"}, "unwrap": {"size": 256}, "export": {"previews": False, "engine": [], "archive": False}}
STAGES = ["cutout", "generate", "simplify", "unwrap", "place", "export"]
PRICES = '["scripted-gpu"]\nmicrodollars_per_gpu_second = 500\n[scripted]\nmicrodollars_per_call = 7\n'


def picture(number: int = 0) -> bytes:
    """A PNG of a ball."""
    canvas = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).ellipse((4, 4, 28, 28), fill=(200, 60, number % 256, 255))
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def wait_until(is_so: Callable[[], Any], *, within_s: float = LIMIT_S) -> None:
    """Look now and then, because it happens in other processes."""
    give_up = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < give_up, "it did not come about in time"
        time.sleep(0.05)


class House:
    """A data folder, the processes that work on it, and a client who remembers."""

    def __init__(self, folder: Path, *, database_url: str | None, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        (self.data / "prices.toml").write_text(PRICES)
        self.database_url = database_url or f"sqlite:///{self.data / 'jobs.sqlite'}"
        laid = plugin.install(folder)
        mischief.install(laid)
        paths = os.pathsep.join(filter(None, [str(laid), str(TESTS), os.environ.get("PYTHONPATH")]))
        shared = {} if database_url is None else {"KILN_DATABASE_URL": database_url, "KILN_STORE": str(folder / "store")}
        self.environment = {"PYTHONPATH": paths, "KILN_GPU_LOCKS": str(folder / "locks"), **shared, **environment}
        self.told: dict[str, State] = {}
        """Jobs by id, with the last state a client was told."""

        self._processes: list[subprocess.Popen[str]] = []
        self.server: served.Served | None = None
        self.api_key: str | None = None

    def serve(self, *arguments: object, cpu_lanes: int = 1) -> served.Served:
        """A server, which is ready."""
        self.server = served.Served(self.folder, "--cpu-lanes", cpu_lanes, *arguments, environment=self.environment)
        wait_until(self.is_ready)
        return self.server

    def worker(self, name: str, *arguments: object, cpu_lanes: int = 1) -> subprocess.Popen[str]:
        """One more worker, which takes jobs."""
        command = ("worker", "--name", name, "--data", self.folder / name, "--cpu-lanes", cpu_lanes, *arguments)
        process = served.start(*command, cwd=self.folder, log=self.folder / f"{name}.log", **self.environment)
        self._processes.append(process)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "takes jobs" in first, first + (self.folder / f"{name}.log").read_text()
        return process

    def command(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        """A command, run to its end."""
        return served.kiln(*arguments, cwd=self.folder, **self.environment | more)

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            end(process)
        if self.server is not None:
            end(self.server.process)

    def is_ready(self) -> bool:
        """Whether the server says so."""
        with suppress(httpx.TransportError):
            return self.ask("GET", "/readyz").status_code == 200
        return False

    def address(self, path: str) -> str:
        """The server's URL of a path."""
        assert self.server is not None
        return f"{self.server.url}{path}"

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, with the house's key if it has one."""
        key = {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}
        headers = {**key, **more.pop("headers", {})}
        return httpx.request(method, self.address(path), trust_env=False, headers=headers, **{"timeout": LIMIT_S, **more})

    def upload(self, content: bytes | None = None) -> str:
        """A file's id."""
        answer = self.ask("POST", "/v1/uploads", files={"file": ("ball.png", content or picture())})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def order(self, file_id: str, *, gpu: bool = False, limits: Mapping[str, Any] | None = None, **script: Any) -> dict[str, Any]:
        """What a client asks for: a small package, whose generator follows the script."""
        generate = {"backend": "scripted-gpu" if gpu else "scripted", "options": {"diary": str(self.folder / "diary"), **script}}
        options = {"recipe_data": {"summary": "small", "stages": STAGES}, "contract": "none", "limits": limits or {}}
        return {"recipe": "small", "inputs": {"picture_0": file_id}, "parameters": {"job": options, "generate": generate, **SMALL}}

    def submit(self, order: Mapping[str, Any], *, key: str | None = None) -> str:
        """A job's id, once the client was told of it; under a key, until the server answers."""
        headers = {} if key is None else {"Idempotency-Key": key}
        give_up = time.monotonic() + LIMIT_S
        while True:
            try:
                answer = self.ask("POST", "/v1/jobs", json=order, headers=headers)
            except httpx.TransportError:
                assert key is not None and time.monotonic() < give_up
                time.sleep(0.1)
                continue
            assert answer.status_code == 202, answer.text
            return self._told(answer.json()["job"])

    def look(self, job_id: str) -> dict[str, Any]:
        """A job as a client sees it."""
        answer = self.ask("GET", f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        self._told(answer.json())
        return dict(answer.json())

    def wait_for(self, job_id: str, *states: str, within_s: float = LIMIT_S) -> dict[str, Any]:
        """A job, once it is in one of these states."""
        wait_until(lambda: self.look(job_id)["state"] in states, within_s=within_s)
        return self.look(job_id)

    def done(self, job_id: str) -> dict[str, Any]:
        """A job, once it has ended, and ended well."""
        job = self.wait_for(job_id, "succeeded", "failed")
        assert job["state"] == "succeeded", job["failure"]
        return job

    def failed(self, job_id: str) -> dict[str, Any]:
        """Why a job failed, once it has."""
        return dict(self.wait_for(job_id, "succeeded", "failed")["failure"] or {})

    def events(self, job_id: str, kind: str) -> list[dict[str, Any]]:
        """The data of a job's events of a kind so far."""
        return [dict(event.data) for event in self.history().events if event.job_id == job_id and event.kind == kind]

    def wait_for_stage(self, job_id: str, stage: str, *, kind: str = "stage_started") -> None:
        """Until a stage of a job has begun."""
        wait_until(lambda: any(data["stage"] == stage for data in self.events(job_id, kind)))

    def diary(self, what: str = "begins") -> list[int]:
        """The numbers of the scripts whose calls began, or ended, in that order."""
        path = self.folder / "diary"
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        return [int(line.split()[0]) for line in lines if line.split()[1] == what]

    def history(self) -> History:
        """All that is in the database, and what clients were told."""
        with self.database() as database:
            return read_history(database, acknowledged=dict(self.told))

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database, beside the server's own connections."""
        opened = Database(self.database_url)
        try:
            yield opened
        finally:
            opened.close()

    def assert_sound(self, *, all_ended: bool = True) -> None:
        """Every promise was kept; and nothing is left to do."""
        history = self.history()
        assert broken_promises(history) == []
        if all_ended:
            assert unfinished(history) == []

    def _told(self, job: Mapping[str, Any]) -> str:
        self.told[job["id"]] = State(job["state"])
        return str(job["id"])


@contextmanager
def house(folder: Path, *, database_url: str | None = None, **environment: str) -> Iterator[House]:
    """A house whose processes end with the block."""
    built = House(folder, database_url=database_url, environment=environment)
    try:
        yield built
    finally:
        built.close()


def end(process: subprocess.Popen[str]) -> None:
    """Kill it, and take it away."""
    process.kill()
    process.communicate(timeout=LIMIT_S)


def children(pid: int) -> list[int]:
    """The lanes of a server or worker."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] not in "ZX":
                found.append(int(stat.parent.name))
    return found


class Reaper(threading.Thread):
    """Kills a random process, a server, worker or lane, every few seconds, and has somebody start what is gone again."""

    def __init__(self, processes: Callable[[], list[int]], mend: Callable[[], None], *, every_s: tuple[float, float], seed: int) -> None:
        super().__init__(daemon=True)
        self._processes, self._mend, self._every_s = processes, mend, every_s
        self._chance = random.Random(seed)  # noqa: S311 - chooses a victim, protects nothing
        self._done = threading.Event()
        self.kills: Counter[str] = Counter()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._done.wait(self._chance.uniform(*self._every_s)):
                self._kill_one()
                self._mend()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failed = error

    def stop(self) -> None:
        """Let the rest live."""
        self._done.set()
        self.join(timeout=LIMIT_S)
        if self.failed is not None:
            raise self.failed

    def _kill_one(self) -> None:
        parents = self._processes()
        lanes = [child for parent in parents for child in children(parent)]
        victim = self._chance.choice(self._chance.choice([parents, lanes]) if lanes and parents else parents + lanes)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.kills["process" if victim in parents else "lane"] += 1
