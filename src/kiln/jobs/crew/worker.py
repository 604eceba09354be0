"""A worker: takes jobs from the queue and carries them out, says that it lives, and looks after jobs that nobody works on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kiln.errors import ConflictError, KilnError, SetupError, StorageError
from kiln.jobs.crew.caretaker import Caretaker
from kiln.jobs.crew.claim import put_back_lost
from kiln.jobs.crew.sole_worker import worker_lock
from kiln.jobs.engine import IDLE_POLL_S, Engine, WorkflowQueue
from kiln.jobs.executors.interface import LaneKind, Progress, StageCall, StageExecutor, StageResult
from kiln.jobs.executors.lane_pool import LanePool
from kiln.jobs.records.database import Database
from kiln.jobs.records.failure_reason import FailureReason
from kiln.jobs.records.job import Failure, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.records.roster import Roster
from kiln.jobs.telemetry.logs import log_context
from kiln.version import VERSION

_LOG: Final = logging.getLogger(__name__)

_JOIN_S: Final = 10.0
"""How long a thread of the worker's own may take to end."""


class Records(Protocol):
    """What a worker needs of a Service."""

    database: Database
    queue: WorkflowQueue


class LaneExecutor(StageExecutor, Protocol):
    """An executor that says how many lanes it has."""

    @property
    def pools(self) -> Mapping[LaneKind, LanePool[Any]]:
        """The lanes of each kind."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often things are done, in seconds. A worker that is lost is noticed after `silence_s` and a round."""

    beat_s: float = 5.0
    """Between two signs of life."""

    silence_s: float = 45.0
    """Without one, a worker is taken for lost."""

    round_s: float = 5.0
    """Between two rounds for jobs that nobody works on."""

    poll_s: float = IDLE_POLL_S
    """Between two looks at the queue."""


_USUAL: Final = Pace()


class Worker:
    """One worker in this process, where there can be only one. `executor_id` stays the same from one start to the next.

    `carry_out` carries out one job, wherever it stands (see `claim`), in up to `width` threads at once; it runs stages with `stage`.
    """

    def __init__(
        self,
        service: Records,
        executor: LaneExecutor,
        *,
        executor_id: str,
        carry_out: Callable[[str], None],
        width: int | None = None,
        pace: Pace = _USUAL,
    ) -> None:
        self.executor_id = executor_id
        self._queue = service.queue
        self._executor = executor
        self._jobs = JobStore(service.database)
        self._roster = Roster(service.database)
        self._lock = worker_lock(service.database, executor_id)
        self._carry_out = carry_out
        self._pace = pace
        lanes = {kind: len(pool.lanes) for kind, pool in executor.pools.items()}
        self._engine = Engine(
            service.queue,
            executor_id=executor_id,
            carry_out=self._carry,
            run_stage=lambda call, told, asked: executor.run(call, on_progress=told, cancel=asked),
            width=usual_width(lanes) if width is None else width,
            lanes=lanes,
            poll_s=pace.poll_s,
        )
        self._caretaker = Caretaker(
            service.database, service.queue, executor_id=executor_id, running=self._engine.running, silence_s=pace.silence_s
        )
        self._leaving = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take up what this worker left behind, and then queued jobs.

        Raises SetupError when there is such a worker already, StorageError when a database is out of reach.
        """
        self._lock.take()
        try:
            self._roster.beat(self.executor_id, version=VERSION)
            put_back_lost(self._jobs, self.executor_id)
            self._engine.launch()
        except BaseException:
            self._lock.release()
            raise
        for name, step, period_s in (("beat", self._beat, self._pace.beat_s), ("round", self._round, self._pace.round_s)):
            thread = threading.Thread(target=self._repeat, args=(step, period_s), name=f"kiln-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stage(
        self, call: StageCall, *, workflow_id: str, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]
    ) -> StageResult:
        """Run one stage of a job, here or on another worker; as Engine.stage."""
        return self._engine.stage(call, workflow_id=workflow_id, on_progress=on_progress, cancel=cancel)

    @property
    def is_leaving(self) -> bool:
        """Whether it takes no more jobs."""
        return self._leaving.is_set()

    def drain(self, *, wait_s: float) -> None:
        """Take no more jobs, give those that run up to wait_s seconds, put the others back for another worker, and end all lanes.

        A body that does not look up within a few seconds more keeps its thread, which can keep nothing any longer: the process should end
        with os._exit, as Kiln's own commands do.
        """
        self._leaving.set()
        self._engine.take_no_more(wait_s=wait_s)
        left = self._engine.running()
        self._put_back(left)
        self._executor.close()
        self._engine.close()
        for job_id in left:
            with suppress(KilnError):  # else it is found by another worker, or by this one when it is back
                self._queue.resume(self._jobs.get(job_id))
        for thread in self._threads:
            thread.join(timeout=_JOIN_S)
        with suppress(KilnError):
            self._roster.remove(self.executor_id)
        self._lock.release()

    def close(self) -> None:
        """Leave without waiting for anything."""
        self.drain(wait_s=0.0)

    def _put_back(self, job_ids: frozenset[str]) -> None:
        """From now on, nothing the bodies still write counts. Jobs that are being cancelled stay so: the next worker ends them."""
        for job_id in job_ids:
            with suppress(KilnError):
                job = self._jobs.get(job_id)
                if job.state is State.RUNNING:
                    self._jobs.requeue(job, why="its worker was sent home")

    def _carry(self, job_id: str) -> None:
        """Carry a job out; what its own errors left open is closed here."""
        try:
            with log_context(job=job_id):
                self._carry_out(job_id)
        except ConflictError as conflict:
            _LOG.info("%s went on elsewhere: %s", job_id, conflict)
        except StorageError:
            _LOG.exception("%s could not be kept up to date and is begun again", job_id)
        except Exception:  # noqa: BLE001 - a bug in one job must not cost the others their worker
            _LOG.exception("%s failed in a way nobody foresaw", job_id)
            self._fail(job_id)

    def _fail(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job.state is State.RUNNING and job.executor_id == self.executor_id:
            self._jobs.fail(
                job, Failure(reason=FailureReason.INTERNAL, message="Kiln failed: please report it with the worker's log of this job")
            )

    def _repeat(self, step: Callable[[], None], period_s: float) -> None:
        """Do something now and then, whatever comes of it: a database that is away comes back."""
        while not self._leaving.wait(period_s):
            try:
                step()
            except Exception:  # noqa: BLE001 - whatever it is, the next beat may do better
                _LOG.exception("worker %s: trouble that may pass", self.executor_id)

    def _beat(self) -> None:
        self._roster.beat(self.executor_id, version=VERSION)
        try:
            self._lock.renew()
        except SetupError:
            _LOG.exception("worker %s leaves", self.executor_id)
            threading.Thread(target=self.close, name="kiln-leave", daemon=True).start()

    def _round(self) -> None:
        self._caretaker.look(round_s=self._pace.round_s)
        self._queue.tidy()


def usual_width(lanes: Mapping[LaneKind, int]) -> int:
    """How many jobs a worker carries out at once: enough that no lane waits for the next job, few enough to stay fair."""
    return 2 * sum(lanes.values()) + 2
