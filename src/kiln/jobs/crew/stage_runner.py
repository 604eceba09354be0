"""Has calls of stages run until there is a result that is kept: found, shared, tried again, and with lost contents made anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from kiln.errors import Cancelled, StorageError
from kiln.jobs.crew.retry import decide
from kiln.jobs.crew.stage_news import JobNews, StageNews
from kiln.jobs.executors.failure import LaneClosed, LaneCrashed
from kiln.jobs.executors.interface import Progress, Reference, StageCall, StageResult
from kiln.jobs.records.events import EventKind
from kiln.jobs.stored.calls import KnownCall, references_in
from kiln.jobs.stored.record import StageRecord, find_record, is_whole, keep_record, record_key
from kiln.jobs.stored.same_work import SameWork
from kiln.jobs.telemetry import metrics
from kiln.jobs.telemetry.logs import log_context
from kiln.jobs.telemetry.tracing import stage_span
from kiln.stages.stage import Context
from kiln.storage.store import Store

_POLL_S: Final = 0.1
"""Between two looks, while waiting to try again, whether the call was cancelled."""

_ATTEMPTS: Final = 3
"""How often one call may run because contents it needs, or has made, are damaged or gone."""

_SAME_WORK: Final = SameWork()
"""All runners of this process."""


class RunStage(Protocol):
    """Runs one stage somewhere; calls with the same workflow id are the same work."""

    def __call__(
        self, call: StageCall, *, workflow_id: str, on_progress: Callable[[Progress], None], cancel: Callable[[], bool]
    ) -> StageResult:
        """As StageExecutor.run."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Where the calls of one attempt at a job run."""

    job_id: str
    attempt: int
    run_stage: RunStage
    news: JobNews


class StageRunner:
    """Gives the record of any call. For many threads.

    A result found in the store costs nothing. Of several runners in this process that need the same at once, one works and the others wait.
    """

    def __init__(self, store: Store, runs: Runs, *, is_stopped: Callable[[], bool]) -> None:
        self._store = store
        self._runs = runs
        self._is_stopped = is_stopped
        self._lock = threading.Lock()
        self._makers: dict[str, KnownCall] = {}
        """By key of a content: what made it, in case it has to be made again."""

        self._extra_runs = 0
        """Of calls that had ended well before."""

    def record(self, known: KnownCall, context: Context) -> tuple[StageRecord, bool]:
        """The record of a call, and whether it was there, or somebody else in this process has just made it.

        Raises as StageExecutor.run does, after as many tries as `retry` allows; StorageError; LaneBusy.
        """
        news = self._news_of(known, context)
        limits = known.call.limits
        longest_wait = limits.wait_seconds + limits.seconds
        with _SAME_WORK.turn(known.digest, cancel=lambda: self._has_stopped(context), wait_s=longest_wait):
            found = find_record(self._store, known.digest)
            record = found or self._made(known, context, news)
        if found is not None:
            news.share()
        with self._lock:
            self._makers |= dict.fromkeys((reference.key for reference in record.outputs.values()), known)
        return record, found is not None

    def _made(self, known: KnownCall, context: Context, news: StageNews) -> StageRecord:
        """Have a call run, and put its record."""
        result = self._whole_result(known, context, news)
        record, is_ours = keep_record(self._store, known.digest, StageRecord.of(known.call.stage, result))
        news.end(result, was_first=is_ours, backend=known.backend, on_gpu=known.call.lane == "gpu")
        return record

    def _whole_result(self, known: KnownCall, context: Context, news: StageNews) -> StageResult:
        """A result whose contents are all there."""
        usual = workflow_id = f"{self._runs.job_id}:{known.digest[:32]}"
        for _ in range(_ATTEMPTS):
            try:
                result = self._tried(known.call, context, news, workflow_id=workflow_id)
            except StorageError as error:
                if not self._is_mended(known.call, context, error):
                    raise
            else:
                if is_whole(self._store, StageRecord.of(known.call.stage, result)):
                    return result
                workflow_id = self._fresh(usual)  # the usual one stands for a result that is gone
        raise StorageError(
            f"contents that {known.call.stage} needs or makes are lost again and again: check the store's disk", kind="damaged"
        )

    def _tried(self, call: StageCall, context: Context, news: StageNews, *, workflow_id: str) -> StageResult:
        """The result, after as many tries as its failures are worth."""
        tries = crashes = 0
        while True:
            tries += 1
            try:
                with self._followed(call):
                    return self._runs.run_stage(
                        call, workflow_id=workflow_id, on_progress=news.hear, cancel=lambda: self._has_stopped(context)
                    )
            except Exception as error:
                news.fail(error)
                crashes += isinstance(error, LaneCrashed)
                decision = decide(error, tries=tries, crashes=crashes, seed=workflow_id)
                if not decision.again or isinstance(error, LaneClosed):  # a worker that shuts down takes nothing again
                    raise
            self._runs.news.say(EventKind.WARNING, stage=call.stage, text=decision.reason)
            metrics.stage_retried(call.stage)
            self._wait(decision.delay_s, context)

    @contextmanager
    def _followed(self, call: StageCall) -> Iterator[None]:
        """What is logged within the block says whose it is, and the block is a span of the job's trace."""
        attempt = self._runs.attempt
        with (
            log_context(job=self._runs.job_id, attempt=attempt, stage=call.stage),
            stage_span(self._runs.job_id, attempt=attempt, stage=call.stage, lane=call.lane),
        ):
            yield

    def _is_mended(self, call: StageCall, context: Context, error: StorageError) -> bool:
        """Whether contents that a call needs were damaged or gone, and are there again: what made them has worked once more."""
        if error.kind not in ("damaged", "missing"):
            return False
        broken = [reference for reference in references_in(call) if not self._is_sound(reference)]
        makers = [self._makers.get(reference.key) for reference in broken]
        for reference, maker in zip(broken, makers, strict=True):
            if maker is None:
                return False
            text = f"{reference.key} was damaged or gone, and {maker.call.stage} makes it again"
            self._runs.news.say(EventKind.WARNING, stage=call.stage, text=text)
            self._store.delete(reference.key)
            self._make_again(maker, context)
        return bool(broken) and all(map(self._is_sound, broken))

    def _make_again(self, known: KnownCall, context: Context) -> None:
        """Have a call run whose record is kept, for the contents it names."""
        workflow_id = self._fresh(f"{self._runs.job_id}:{known.digest[:32]}")
        news = self._news_of(known, context, suffix=workflow_id.rpartition(":")[2])
        try:
            result = self._tried(known.call, context, news, workflow_id=workflow_id)
        except StorageError as error:
            if not self._is_mended(known.call, context, error):
                raise
            result = self._tried(known.call, context, news, workflow_id=workflow_id)
        news.end(result, was_first=True)

    def _news_of(self, known: KnownCall, context: Context, *, suffix: str = "") -> StageNews:
        output = record_key(known.digest) + (f":{suffix}" if suffix else "")
        return StageNews(self._runs.news, known.call.stage, output=output, context=context)

    def _fresh(self, workflow_id: str) -> str:
        """An id for work that must be done although it was done before."""
        with self._lock:
            self._extra_runs += 1
            return f"{workflow_id}:{self._runs.attempt}.{self._extra_runs}"

    def _is_sound(self, reference: Reference) -> bool:
        """Whether a content is there, every bit of it."""
        try:
            with self._store.open(reference.key):
                return True
        except StorageError as error:
            if error.kind in ("damaged", "missing"):
                return False
            raise

    def _has_stopped(self, context: Context) -> bool:
        return self._is_stopped() or context.is_stopped

    def _wait(self, seconds: float, context: Context) -> None:
        """Wait before the next try. Cancelled when told so meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._has_stopped(context):
                raise Cancelled("stopped while waiting to try again: nothing was written")
            time.sleep(min(_POLL_S, left))
