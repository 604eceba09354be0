"""A real service behind a real server on a port of this machine, without workers: tests move the jobs themselves."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kiln.faces.http.app import make_app
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.server import Server, listen
from kiln.intake.connection import Network
from kiln.jobs.records.files import KeptFile, NewFile
from kiln.jobs.records.job import Job, Request
from kiln.jobs.records.keys import Scope
from kiln.jobs.service import Service, open_service
from kiln.storage.blobs import blob_key
from kiln.storage.digest import sha256_of

WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """A service that is being served."""

    service: Service
    server: Server
    url: str
    port: int

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT_S, trust_env=False, **options)

    def key(self, tenant: str, *scopes: Scope) -> str:
        return self.service.keys.issue(tenant, scopes=scopes or tuple(Scope)).key

    def keep(self, content: bytes, *, tenant: str = "local", name: str = "a.bin", role: str = "png", job: Job | None = None) -> KeptFile:
        """A file of a tenant's, put past all doors."""
        sha256 = sha256_of(io.BytesIO(content))
        self.service.store.put(blob_key(sha256), content, media_type="image/png")
        file = NewFile(name=name, role=role, key=blob_key(sha256), sha256=sha256, size=len(content), media_type="image/png")
        if job is None:
            return self.service.files.add(file, tenant=tenant)
        return self.service.files.add_of_job([file], tenant=tenant, job_id=job.id)[0]

    def order(self, *, tenant: str = "local") -> dict[str, Any]:
        """The body of a good POST /v1/jobs."""
        return {"inputs": {"picture_0": self.keep(b"picture", tenant=tenant).id}}

    def queued(self, *, tenant: str = "local") -> Job:
        """A job that waits."""
        inputs: Mapping[str, str] = self.order(tenant=tenant)["inputs"]
        return self.service.submit(Request(recipe="prop", inputs=inputs), tenant=tenant).job


@contextmanager
def serving(service: Service, options: HttpOptions, network: Network | None = None) -> Iterator[Served]:
    server = Server(make_app(service, options=options, network=network), drain_s=10)
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield Served(service=service, server=server, url=f"http://127.0.0.1:{port}", port=port)
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        sock.close()
    assert not thread.is_alive(), _tasks_of(thread)


def _tasks_of(thread: threading.Thread) -> str:
    """Where each task of the event loop waits that runs in a thread."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and not isinstance(frame.f_locals.get("self"), asyncio.AbstractEventLoop):
        frame = frame.f_back
    if frame is None:
        return "it runs no event loop"
    stacks = (task.get_stack() for task in asyncio.all_tasks(frame.f_locals["self"]))
    return "\n".join(str([f"{one.f_code.co_qualname}:{one.f_lineno}" for one in stack]) for stack in stacks)


OPEN_HANDED = HttpOptions(poll_s=0.05, requests_burst=10_000, requests_a_s=10_000, wrong_keys_burst=1000)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(data=tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def served(service: Service) -> Iterator[Served]:
    with serving(service, OPEN_HANDED) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that mind no other's jobs, and make no keys."""
    with open_service(data=tmp_path_factory.mktemp("shared")) as service, serving(service, OPEN_HANDED) as running:
        yield running


@pytest.fixture(scope="module")
def shared_client(shared: Served) -> Iterator[httpx.Client]:
    with shared.client() as opened:
        yield opened
