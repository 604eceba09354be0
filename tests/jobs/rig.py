"""Stand-ins for a worker's surroundings: records without a store, and lanes that are no processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from kiln.errors import Cancelled, PictureError
from kiln.jobs.engine import WorkflowQueue
from kiln.jobs.executors.interface import LaneKind, Progress, StageCall, StageResult
from kiln.jobs.records.database import Database
from kiln.jobs.records.job import Request
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.orders import Order

TIMEOUT_S = 60.0


@dataclass
class Records:
    database: Database
    queue: WorkflowQueue


@contextmanager
def records(url: str) -> Iterator[Records]:
    database = Database(url)
    queue = WorkflowQueue(url)
    yield Records(database, queue)
    queue.close()
    database.close()


def order(do: str = "nothing", *, tenant: str = "studio", priority: int = 0) -> Order:
    request = Request(recipe="prop", parameters={"job": {"do": do}})
    return Order(request=request, tenant=tenant, priority=priority)


def wait_until(is_so: Callable[[], Any]) -> None:
    """Look now and then, because it happens in another process."""
    give_up = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def state_of(jobs: JobStore, job_id: str) -> str:
    return jobs.get(job_id).state.value


def call(stage: str, *, lane: LaneKind = "cpu") -> StageCall:
    return StageCall(stage=stage, version="1", output_prefix="stages/x", lane=lane)


RESULT = StageResult(outputs={}, notes=("n",), measures={"m": 1.5}, seconds=0.5, cpu_seconds=0.25, peak_bytes=7, lane="cpu0")


@dataclass
class FakeLanes:
    """An executor whose stages do what they are called: "bad" fails, "hang" waits for its end, everything else is done at once."""

    lanes: Mapping[LaneKind, int] = field(default_factory=lambda: {"cpu": 1})
    ran: list[str] = field(default_factory=list)
    is_closed: bool = False

    @property
    def pools(self) -> dict[LaneKind, Any]:
        return {kind: SimpleNamespace(lanes=tuple(range(count))) for kind, count in self.lanes.items()}

    def run(self, call: StageCall, *, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]) -> StageResult:
        self.ran.append(call.stage)
        on_progress(Progress(kind="progress", share=0.5))
        if call.stage == "bad":
            raise PictureError("a picture without a subject")
        while call.stage == "hang":
            if cancel() or self.is_closed:
                raise Cancelled("stopped")
            time.sleep(0.02)
        return RESULT

    def close(self, *, wait_s: float = 0.0) -> None:
        self.is_closed = True
