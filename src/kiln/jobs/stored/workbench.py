"""The workbench: a run's stages carried out in lanes, on things that lie in the store. No array is ever in this process.

Every call is known by a digest of all that has a say in its result. When a record of that digest is there with its contents, nothing runs:
that is how a job that was cut off goes on, and how jobs share what they have in common. Several workers may do the same at once; the first
one's record holds.

A contract's judge stays here. The export in a lane knows the limits; when they are broken it gives back what it measured and writes
nothing, and the judge says whether something else is tried or the package is written all the same, with this verdict.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from kiln.asset import Package, Verdict
from kiln.jobs.crew.stage_news import JobNews, Tell
from kiln.jobs.crew.stage_runner import Runs, RunStage, StageRunner
from kiln.jobs.executors.interface import CallLimits
from kiln.jobs.executors.terms import FELL_SHORT
from kiln.jobs.stored.calls import KnownCall, Parts, call_for, handle_of, parts_of, report_of, with_history, with_terms
from kiln.jobs.stored.nouns import StoredAsset, StoredFile
from kiln.jobs.stored.record import StageRecord
from kiln.pipeline.recipe import RecipeStep
from kiln.stages.stage import Context
from kiln.storage.store import Store

_END_S: Final = 10.0
"""How long calls may take to end beyond their grace, once everything is to end."""


class Workbench:
    """A `pipeline.bench.Bench` for one attempt at one job, whose things are the handles of `stored.nouns`. For many threads.

    `files` are what stages' parameters name, by the roles of `parameter_files`. `tell` appends an event to the job, and may raise when the
    job is no longer the caller's; `is_cancelled` is asked a few times a second.
    """

    keeps_limits: ClassVar[bool] = True

    def __init__(
        self,
        store: Store,
        run_stage: RunStage,
        *,
        job_id: str,
        attempt: int,
        tenant: str,
        priority: int = 0,
        files: Mapping[str, StoredFile] | None = None,
        limits: CallLimits | None = None,
        tell: Tell = lambda kind, data: None,  # noqa: ARG005
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._files = files or {}
        self._limits = limits or CallLimits()
        self._owner: Mapping[str, Any] = {"job": job_id, "tenant": tenant, "priority": priority, "limits": self._limits}
        self._news = JobNews(tell)
        self._closing = threading.Event()
        runs = Runs(job_id=job_id, attempt=attempt, run_stage=run_stage, news=self._news)
        self._runner = StageRunner(store, runs, is_stopped=lambda: self._closing.is_set() or is_cancelled())
        self._changed = threading.Condition()
        self._busy = 0

    def result(
        self,
        step: RecipeStep,
        thing: Any,
        context: Context,
        *,
        work: Callable[[], Any] | None = None,  # noqa: ARG002 - nothing works in this process
    ) -> tuple[Any, bool]:
        """The handle of what the stage makes of a thing, and whether it was known; what the stage said, it has said to `context` then.

        Raises as StageExecutor.run does, after as many tries as `retry` allows; what the judge raises; StorageError.
        """
        with self._at_work():
            parts = parts_of(step, thing)
            if step.stage.gives is Package and isinstance(thing, StoredAsset):
                known, record, was_known = self._judged(step, with_history(self._store, parts, thing), context)
            else:
                known, record, was_known = self._recorded(step, parts, context)
            context.notes.extend(record.notes)
            context.measures.update(record.measures)
            return handle_of(self._store, known, record, thing=thing), was_known

    def on_files(
        self, step: RecipeStep, files: Mapping[str, StoredFile], *, recipe: Mapping[str, Any] | None = None
    ) -> tuple[Any, Context]:
        """What a stage makes of uploaded files, by their roles, and what it said: for stages that stand before a recipe, or alone."""
        context = Context(recipe=recipe)
        return self.result(step, files, context)[0], context

    def close(self) -> tuple[str, ...]:
        """Stop what still runs and wait for its end; from then on, nothing is told."""
        self._closing.set()
        with self._changed:
            has_ended = self._changed.wait_for(lambda: self._busy == 0, timeout=self._limits.grace_seconds + _END_S)
        self._news.close()
        return () if has_ended else ("a stage did not end when it was told to, and is left to itself",)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _recorded(self, step: RecipeStep, parts: Parts, context: Context) -> tuple[KnownCall, StageRecord, bool]:
        known = call_for(step, parts, files=self._files, recipe=context.recipe, owner=self._owner)
        return known, *self._runner.record(known, context)

    def _judged(self, step: RecipeStep, parts: Parts, context: Context) -> tuple[KnownCall, StageRecord, bool]:
        """An export that keeps its contract, or that the judge lets pass. Raises what the judge raises.

        What the judge says of a package that keeps its contract, too, is in the package's report: what was tried before. Only when the lane
        could not know it, the export runs once more.
        """
        if context.judge is None:
            return self._recorded(step, parts, context)
        asked, record, was_known = self._recorded(step, with_terms(parts, context.terms), context)
        verdict, given = context.judge(self._measures(record)), self._verdict(record)
        if verdict == given:
            return asked, record, was_known
        return self._recorded(step, with_terms(parts, verdict), context)

    def _measures(self, record: StageRecord) -> Any:
        short = record.values.get(FELL_SHORT)
        return report_of(self._store, record).measures if short is None else short

    def _verdict(self, record: StageRecord) -> Verdict | None:
        """What a package's report says; None when there is no package."""
        return None if FELL_SHORT in record.values else report_of(self._store, record).contract
