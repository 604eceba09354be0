"""Carrying out: one job from wherever it stands to its end, again and again in any process, after any crash.

Nothing is remembered between two calls but what is in the records and in the store: stages that are finished are found there, files are
kept once under their names, and the charge is read from the job's events. So after a crash, or when a commit's outcome is unknown, it all
simply runs again, and whatever was true already stays. Writes of an attempt that was given up are refused by the records, and end it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kiln.errors import Cancelled, ConflictError, KilnError, StorageError, TimeLimitError
from kiln.jobs.crew.assembly import Assembly, stored
from kiln.jobs.crew.claim import claim
from kiln.jobs.crew.job_watch import JobWatch
from kiln.jobs.crew.measured import measured_charges
from kiln.jobs.crew.publish import keep_files, put_on_shelf, take_off_shelf
from kiln.jobs.crew.retry import delay_s
from kiln.jobs.crew.stage_runner import RunStage
from kiln.jobs.executors.failure import LaneClosed
from kiln.jobs.executors.interface import CallLimits
from kiln.jobs.money.prices import Rate
from kiln.jobs.reception.job_options import is_picture
from kiln.jobs.reception.wanted import USUAL_CEILING, Ceiling, Wanted, read_request
from kiln.jobs.records.database import Database
from kiln.jobs.records.events import EventKind
from kiln.jobs.records.failure_reason import reason_of
from kiln.jobs.records.files import FileBook, KeptFile
from kiln.jobs.records.job import Failure, Job, Kind, Progress, State
from kiln.jobs.records.job_store import JobStore
from kiln.jobs.stored.workbench import Workbench
from kiln.jobs.telemetry.tracing import job_span
from kiln.pipeline.recipe import Recipe
from kiln.pipeline.run import Event
from kiln.storage import Store
from kiln.storage.shelf import Shelf

STORAGE_PATIENCE_S: Final = 3600.0
"""How long a job waits for room on a disk, or for a database or store that is away, before it fails."""

_PASSING: Final = frozenset({"full", "unavailable"})
"""Of storage's faults: somebody may make room, and what is away may come back."""

_SENTENCE: Final = 1000
"""Characters of a note: an event has little room."""

_MADE: Final = frozenset({Kind.MAKE, Kind.PROCESS, Kind.EXPORT})
"""Kinds of jobs whose packages go onto the shelf."""

_LOG: Final = logging.getLogger(__name__)


class Records(Protocol):
    """What is needed of a Service."""

    database: Database
    jobs: JobStore
    files: FileBook
    store: Store
    shelf: Shelf
    rates: Mapping[str, Rate]


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One attempt at a job: the claim on it, what it wants, and what ends it before its time."""

    job: Job
    wanted: Wanted
    stop: threading.Event
    """Set when it is being cancelled, or somebody else has it."""

    ends_s: float
    """When its time is up, on a clock that only runs forward."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done for it."""
        return self.stop.is_set() or time.monotonic() > self.ends_s


class Carrier:
    """Carries out the jobs of one worker, in as many threads as the worker likes. Close it when done."""

    def __init__(
        self,
        service: Records,
        *,
        executor_id: str,
        run_stage: RunStage,
        ceiling: Ceiling = USUAL_CEILING,
        storage_patience_s: float = STORAGE_PATIENCE_S,
    ) -> None:
        self._service = service
        self._executor_id = executor_id
        self._run_stage = run_stage
        self._ceiling = ceiling
        self._storage_patience_s = storage_patience_s
        self._watch = JobWatch(service.database)

    def close(self) -> None:
        """Watch jobs no more; those that still run go on unwatched."""
        self._watch.close()

    def carry_out(self, job_id: str) -> None:
        """Carry out one job from wherever it stands; when this returns, it has ended, or somebody else has it.

        Raises StorageError when the records are out of reach, and what nobody foresaw: then it is to be called again.
        """
        job = claim(self._service.jobs, job_id, executor_id=self._executor_id)
        if job is None:
            return
        if job.state is State.CANCELLING:  # its worker was lost before it could end it
            self._end_cancelled(job)
            return
        span = job_span(job.id, attempt=job.attempts, kind=job.request.kind.value)
        with span, self._watch.watching(job) as stop:
            try:
                self._attempt(job, stop)
            except ConflictError as conflict:
                self._lost(job, conflict)

    def _attempt(self, job: Job, stop: threading.Event) -> None:
        """Run the job to one of its ends. Raises ConflictError when it is no longer this attempt's."""
        ends_s = time.monotonic() + self._ceiling.job_seconds
        try:
            wanted = read_request(job.request, ceiling=self._ceiling)
            self._finish(_Attempt(job=job, wanted=wanted, stop=stop, ends_s=ends_s))
        except ConflictError:
            raise
        except LaneClosed:
            self._service.jobs.requeue(job, why="its worker was sent home")
        except Cancelled as stopped:
            if stop.is_set():
                raise ConflictError(str(stopped)) from None
            self._fail(job, TimeLimitError(f"the job was not done within {self._ceiling.job_seconds:g} s: ask for less at once"))
        except KilnError as error:
            self._fail(job, error)

    def _finish(self, attempt: _Attempt) -> None:
        """Make it, publish it and end it well; when storage fails, begin again for as long as it may come back."""
        gives_up_s = min(time.monotonic() + self._storage_patience_s, attempt.ends_s)
        tries = 0
        while not self._is_done(attempt, gives_up_s):
            tries += 1
            attempt.stop.wait(min(delay_s(tries, seed=attempt.job.id), max(0.0, gives_up_s - time.monotonic())))
            if attempt.is_over:
                raise Cancelled("stopped while waiting for storage")

    def _is_done(self, attempt: _Attempt, gives_up_s: float) -> bool:
        """Whether all of it went well; False when storage failed in a way that may pass."""
        try:
            self._once(attempt)
        except StorageError as error:
            if error.kind not in _PASSING or time.monotonic() >= gives_up_s:
                raise
            _LOG.warning("%s waits for storage: %s", attempt.job.id, error)
            return False
        return True

    def _once(self, attempt: _Attempt) -> None:
        """The whole job once; stages that are finished cost nothing."""
        service, job, wanted = self._service, attempt.job, attempt.wanted
        files = {role: service.files.get(file_id, tenant=job.tenant) for role, file_id in job.request.inputs.items()}
        assembly = Assembly(
            kind=job.request.kind,
            wanted=wanted,
            files=files,
            bench=self._bench(attempt, files),
            on_event=lambda event: self._hear(attempt, event),
            cancelled=attempt.stop,
        )
        package = assembly.package()
        results = keep_files(service.files, job, package)
        if job.request.kind in _MADE:
            pictures = tuple(file.key for role, file in sorted(files.items()) if is_picture(role))
            put_on_shelf(service.shelf, job, package, wanted=wanted, pictures=pictures)
        service.jobs.succeed(job, results=results, measured=measured_charges(service.jobs, job.id, rates=service.rates))

    def _bench(self, attempt: _Attempt, files: Mapping[str, KeptFile]) -> Workbench:
        job = attempt.job
        return Workbench(
            self._service.store,
            self._run_stage,
            job_id=job.id,
            attempt=job.attempts,
            tenant=job.tenant,
            priority=job.priority,
            files=stored(files),
            limits=_call_limits(attempt.wanted.recipe, self._ceiling),
            tell=lambda kind, data: self._tell(attempt, kind, data),
            is_cancelled=lambda: attempt.is_over,
        )

    def _tell(self, attempt: _Attempt, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Append an event to the job. ConflictError, once it is no longer this attempt's: then its stages stop."""
        jobs, job = self._service.jobs, attempt.job
        try:
            if kind is EventKind.PROGRESS:
                jobs.report(job, kind, progress=Progress(stage=data["stage"], share=data["share"]), stage_share=data["stage_share"])
            else:
                jobs.report(job, kind, **_short(data))
        except ConflictError:
            attempt.stop.set()
            raise
        except StorageError as error:
            if kind in (EventKind.STAGE_STARTED, EventKind.STAGE_FINISHED):  # poison and charges are told by these
                raise
            _LOG.warning("%s could not tell of its progress: %s", job.id, error)

    def _hear(self, attempt: _Attempt, event: Event) -> None:
        """What the run itself has to say; of stages, the bench tells."""
        kind = {"contract": EventKind.NOTE, "cache": EventKind.WARNING}.get(event.stage)
        for sentence in event.notes if kind is not None else ():
            self._tell(attempt, kind or EventKind.NOTE, {"stage": event.stage, "text": sentence})

    def _fail(self, job: Job, error: KilnError) -> None:
        self._service.jobs.fail(job, Failure(reason=reason_of(error), message=str(error)))

    def _lost(self, job: Job, conflict: ConflictError) -> None:
        """The job is no longer this attempt's: what is being cancelled has stopped now, what somebody else has is theirs."""
        now = self._service.jobs.get(job.id)
        if now.state is State.CANCELLING and now.attempts == job.attempts:
            self._end_cancelled(now)
        else:
            _LOG.info("%s is no longer attempt %d's: %s", job.id, job.attempts, conflict)

    def _end_cancelled(self, job: Job) -> None:
        """Nothing of it runs any more: what it may have put on the shelf goes, and what it held is released."""
        take_off_shelf(self._service.shelf, job)
        self._service.jobs.cancelled(job)


def _call_limits(recipe: Recipe | None, ceiling: Ceiling) -> CallLimits:
    """What each call may use."""
    seconds = ceiling.stage_seconds if recipe is None else recipe.limits.stage_seconds
    memory_gb = ceiling.memory_gb if recipe is None else recipe.limits.memory_gb
    return CallLimits(seconds=seconds, resident_bytes=None if memory_gb is None else round(memory_gb * 1e9))


def _short(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[:_SENTENCE] if isinstance(value, str) else value for name, value in data.items()}
