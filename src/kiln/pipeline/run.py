"""Runs a recipe once. Stages that do not depend on each other run side by side; how each is carried out is the `Bench`'s to say.

Which stage depends on which is `pipeline.plan`'s to say: a stage waits for the last earlier writer of everything it reads, and sees exactly
what was there at its place in the recipe, because assets are values. Bake, LODs and collision thus overlap, and the result is the same as
one after the other.

Stages run in threads of their own while the calling thread watches: for Ctrl-C, and for the recipe's limits on time and memory. When the
recipe has a contract that the package breaks, the game stages run again as `pipeline.ladder` says; a stage whose parameters and inputs
are the very same gives what it gave before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kiln.asset import Asset, Picture, Step, Value, Verdict
from kiln.errors import Cancelled, ConflictError, ContractError, KilnError, PostconditionError, SetupError, StorageError
from kiln.pipeline.bench import Bench, LocalBench
from kiln.pipeline.ladder import Climb, TryAgain
from kiln.pipeline.plan import AssetLike, Done, Plan
from kiln.pipeline.recipe import Recipe, RecipeStep
from kiln.pipeline.watch import now
from kiln.stages import Context

_POLL_S = 0.1
"""How long the watching thread may sleep before it looks for Ctrl-C and over the limits again."""

_GRACE_S = 5.0
"""How long the other stages may take to notice that one has failed; then they are left to themselves."""


State = Literal["started", "progress", "finished", "failed"]

Judge = Callable[[Mapping[str, Value]], Verdict]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something a run has to tell; the faces draw progress from these."""

    stage: str
    """A stage's name, "contract" for what the contract's ladder does, or "cache" for what is wrong with the stage cache."""

    state: State
    share: float = 0.0
    """Of this stage's work, 0 to 1."""

    words: str = ""
    seconds: float = 0.0
    """Since the stage started."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class _Job:
    """One stage at work in a thread of its own."""

    stage: str
    future: Future[Any]
    started: float


@dataclass(kw_only=True)
class Run:
    """One run of a recipe: its listeners, whether it was cancelled, and what its stages said."""

    recipe: Recipe
    on_event: Callable[[Event], None] = lambda event: None  # noqa: ARG005
    cancelled: threading.Event = field(default_factory=threading.Event)
    bench: Bench = field(default_factory=LocalBench)
    """How stages are carried out."""

    _stop: threading.Event = field(default_factory=threading.Event)
    """Tells the stages at work to stop, because another one failed."""

    _records: dict[tuple[str, int], Step] = field(default_factory=dict)
    """What each stage said, by its name and the number of the picture it worked on."""

    _done: list[Done] = field(default_factory=list)
    """What game stages have made, for a contract's further attempts."""

    def from_pictures(self, pictures: Sequence[Any], *, notes: Sequence[str] = ()) -> Any:
        """Everything, from pictures to the package: values, or handles where the bench works on those.

        `notes` are what reading the pictures had to say.
        """
        flow: Any = tuple(pictures)
        with self._bench_closed_after():
            for number, step in enumerate(self.recipe.steps):
                if step.stage.takes is Asset:
                    return self._package(flow, self.recipe.steps[number:], notes)
                flow = self._run_on_pictures(step, flow)
        raise PostconditionError("the recipe ends before there is an asset")  # unreachable after check_order

    def from_asset(self, asset: AssetLike, *, notes: Sequence[str] = ()) -> Any:
        """The game stages and export, for an asset that has a source mesh. `notes` are what reading its file had to say."""
        with self._bench_closed_after():
            return self._package(asset, self.recipe.from_model().steps, notes)

    @contextmanager
    def _bench_closed_after(self) -> Iterator[None]:
        """Have the bench keep what is still to be kept, however the run ends, and tell what is wrong with it."""
        try:
            yield
        finally:
            for sentence in self.bench.close():
                self.on_event(Event(stage="cache", state="finished", notes=(sentence,)))

    def _package(self, asset: AssetLike, steps: tuple[RecipeStep, ...], notes: Sequence[str]) -> Any:
        """The package, made again as long as the contract's ladder has something to try."""
        recipe = replace(self.recipe, steps=steps)
        read = (Step(stage="read", params={}, notes=tuple(notes)),) if notes else ()
        given = replace(asset, history=(*asset.history, *read))
        if recipe.terms is None:
            return self._attempt(given, recipe.steps)
        climb = Climb(terms=recipe.terms, allow_failing=recipe.allows_failing)
        while True:
            try:
                return self._attempt_on(climb, given, recipe)
            except TryAgain as next_one:
                self.on_event(Event(stage="contract", state="finished", notes=(str(next_one),)))

    def _attempt_on(self, climb: Climb, asset: AssetLike, recipe: Recipe) -> Any:
        """One attempt at keeping the contract. Raises TryAgain when it fell short, or a rung made a stage fail, and there is another."""
        try:
            return self._attempt(asset, recipe.with_parameters(climb.parameters).steps, climb.judge)
        except (ContractError, Cancelled, SetupError, StorageError, ConflictError):
            raise
        except KilnError as error:
            climb.stumble(error)

    def _attempt(self, asset: AssetLike, steps: Sequence[RecipeStep], judge: Judge | None = None) -> Any:
        """The game stages once, and the package, if the judge has nothing against it."""
        *work, export = steps
        done = self._run_side_by_side(asset, work)
        ready = replace(done, history=(*asset.history, *self._history()))
        return self._results([self._start(export, ready, judge=judge)])[0]

    def _history(self) -> tuple[Step, ...]:
        """One record a stage, in the recipe's order; of several pictures in the pictures' order, whichever was done first."""
        found = [self._records[key] for step in self.recipe.steps for key in sorted(self._records) if key[0] == step.stage.name]
        merged: dict[str, Step] = {}
        for record in found:
            before = merged.get(record.stage, replace(record, notes=(), measures={}))
            merged[record.stage] = replace(before, notes=before.notes + record.notes, measures={**before.measures, **record.measures})
        return tuple(merged.values())

    def _run_on_pictures(self, step: RecipeStep, pictures: tuple[Picture, ...]) -> Any:
        """A stage before there is an asset: on each picture, side by side, or on all of them together."""
        if step.stage.takes is not Picture:
            return self._results([self._start(step, pictures)])[0]
        several = len(pictures) > 1
        return tuple(self._results([self._start(step, p, number=n, label=p.view if several else "") for n, p in enumerate(pictures)]))

    def _run_side_by_side(self, asset: AssetLike, steps: Sequence[RecipeStep]) -> AssetLike:
        """Run stages as soon as what they read is there; the asset with everything they wrote."""
        plan = Plan(steps)
        results: dict[int, AssetLike] = {}
        running: dict[int, _Job] = {}
        while len(results) < len(steps):
            for i in plan.ready(done=set(results), busy=set(running)):
                given = plan.input_of(i, asset, results)
                again = next((done for done in self._done if done.answers(steps[i], given)), None)
                if again is None:
                    running[i] = self._start(steps[i], given)
                else:
                    results[i] = again.upon(given)
                    self._records[again.record.stage, 0] = again.record
            self._wait_for_one(list(running.values()))
            for i in [i for i, job in running.items() if job.future.done()]:
                results[i] = running.pop(i).future.result()
        return plan.outcome(asset, results)

    def _start(self, step: RecipeStep, thing: Any, *, number: int = 0, label: str = "", judge: Judge | None = None) -> _Job:
        """Run a stage in a thread of its own. It is a daemon: native code that hangs must not keep the interpreter from leaving."""
        future: Future[Any] = Future()
        stop = self._stop

        def work() -> None:
            try:
                future.set_result(self._run_one(step, thing, number=number, label=label, judge=judge, stop=stop))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the watching thread raises it
                future.set_exception(error)

        job = _Job(stage=step.stage.name, future=future, started=now())
        threading.Thread(target=work, name=job.stage, daemon=True).start()
        return job

    def _results(self, jobs: Sequence[_Job]) -> list[Any]:
        """What these jobs made, in their order."""
        while not all(job.future.done() for job in jobs):
            self._wait_for_one(jobs)
        return [job.future.result() for job in jobs]

    def _wait_for_one(self, jobs: Sequence[_Job]) -> None:
        """Until one more job is done, or for a moment. Raises what a job raised, or a passed limit; all others are then told to stop."""
        busy = [job for job in jobs if not job.future.done()]
        try:
            wait([job.future for job in busy], timeout=_POLL_S, return_when=FIRST_COMPLETED)
            for job in jobs:
                if job.future.done():
                    job.future.result()
                elif not self.bench.keeps_limits:
                    self.recipe.limits.check(job.stage, seconds=now() - job.started)
        except BaseException:
            self._stop.set()
            self._stop = threading.Event()
            wait([job.future for job in jobs], timeout=_GRACE_S)
            raise

    def _run_one(self, step: RecipeStep, thing: Any, *, number: int, label: str, judge: Judge | None, stop: threading.Event) -> Any:
        """Run one stage, telling when it starts, how far it is, and how it ended; keep its record. `label` goes before what it says."""
        name, started = step.stage.name, now()

        def tell(state: State, share: float, words: str = "", said: tuple[str, ...] = ()) -> None:
            self.on_event(Event(stage=name, state=state, share=share, words=words, seconds=now() - started, notes=said))

        context = Context(
            on_progress=lambda share, words: tell("progress", share, words),
            is_stopped=lambda: self.cancelled.is_set() or stop.is_set(),
            recipe=self.recipe.as_data(),
            judge=judge,
            terms=None if judge is None or self.recipe.terms is None else self.recipe.terms.contract_data(),
        )
        tell("started", 0.0)
        try:
            context.progress(0.0)
            result, was_known = self.bench.result(step, thing, context, work=lambda: step.stage.function(thing, step.params, context))
        except BaseException as error:
            tell("failed", 0.0, str(error))
            raise _as_kiln_error(error, name) from error
        record = _record(step, context, label)
        self._records[name, number] = record
        if step.stage.takes is step.stage.gives is Asset and self.recipe.terms is not None:
            self._done.append(Done(step=step, given=thing, result=result, record=record))
        tell("finished", 1.0, "from the cache" if was_known else "", said=record.notes)
        return result


def _record(step: RecipeStep, context: Context, label: str) -> Step:
    """What the stage did and said."""
    return Step(
        stage=step.stage.name,
        params={name: value for name, value in step.shown().items() if name != "out"},
        notes=tuple(f"{label}: {note}" if label else note for note in context.notes),
        measures={f"{label}_{key}" if label else key: value for key, value in context.measures.items()},
    )


def _as_kiln_error(error: BaseException, stage: str) -> BaseException:
    """The error as it should reach the user: our own as they are, memory and Ctrl-C translated, bugs with the stage's name."""
    if isinstance(error, (KilnError, TryAgain)):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("stopped: nothing was written")
    if isinstance(error, MemoryError):
        return SetupError(f"{stage} ran out of memory: ask for smaller maps or fewer triangles, or close other programs")
    error.add_note(f"in stage {stage}")
    return error
