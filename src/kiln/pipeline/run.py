"""Runs a recipe once, in this process. Stages that do not depend on each other run side by side.

Which stage depends on which follows from what stages say they read and write: a stage waits for the last earlier writer of everything it
reads, and sees exactly what was there at its place in the recipe, because assets are values. Bake, LODs and collision thus overlap, and
the result is the same as one after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from kiln.asset import Asset, Package, Picture, Step
from kiln.errors import Cancelled, KilnError, PostconditionError, SetupError
from kiln.pipeline.recipe import Recipe, RecipeStep
from kiln.pipeline.rehearsal import Rehearsal
from kiln.stages import Context

_FIELD_OF = {"uvs": "mesh"}
"""Features that are part of a field of Asset; all others are fields."""

_POLL_S = 0.1
"""How long the runner may sleep before it looks for Ctrl-C again."""


State = Literal["started", "progress", "finished", "failed"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something a run has to tell; the faces draw progress from these."""

    stage: str
    state: State
    share: float = 0.0
    """Of this stage's work, 0 to 1."""

    words: str = ""
    seconds: float = 0.0
    """Since the stage started."""

    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Run:
    """One run of a recipe: its listeners, whether it was cancelled, and what its stages said."""

    recipe: Recipe
    on_event: Callable[[Event], None] = lambda event: None  # noqa: ARG005
    cancelled: threading.Event = field(default_factory=threading.Event)
    _records: dict[tuple[str, int], Step] = field(default_factory=dict)
    """What each stage said, by its name and the number of the picture it worked on."""

    _rehearsal: Rehearsal = field(default_factory=Rehearsal)

    def from_pictures(self, pictures: Sequence[Picture], *, notes: Sequence[str] = ()) -> Package:
        """Everything, from pictures to the package. `notes` are what reading the pictures had to say."""
        flow: Any = tuple(pictures)
        for number, step in enumerate(self.recipe.steps):
            if step.stage.takes is Asset:
                return self.from_asset(flow, steps=self.recipe.steps[number:], notes=notes)
            flow = self._run_on_pictures(step, flow)
        raise PostconditionError("the recipe ends before there is an asset")  # unreachable after check_order

    def from_asset(self, asset: Asset, *, steps: Sequence[RecipeStep] | None = None, notes: Sequence[str] = ()) -> Package:
        """The game stages and export, for an asset that has a source mesh. `notes` are what reading its file had to say."""
        *work, export = self.recipe.from_model().steps if steps is None else tuple(steps)
        done = self._run_side_by_side(asset, work)
        read = (Step(stage="read", params={}, notes=tuple(notes)),) if notes else ()
        package: Package = self._run_one(export, replace(done, history=(*asset.history, *read, *self._history())))
        return package

    def _history(self) -> tuple[Step, ...]:
        """One record a stage, in the recipe's order; of several pictures in the pictures' order, whichever was done first."""
        found = [self._records[key] for step in self.recipe.steps for key in sorted(self._records) if key[0] == step.stage.name]
        merged: dict[str, Step] = {}
        for record in found:
            before = merged.get(record.stage, replace(record, notes=(), measures={}))
            merged[record.stage] = replace(before, notes=before.notes + record.notes, measures={**before.measures, **record.measures})
        return tuple(merged.values())

    def _run_on_pictures(self, step: RecipeStep, pictures: tuple[Picture, ...]) -> Any:
        if step.stage.takes is not Picture:
            return self._run_one(step, pictures)
        with ThreadPoolExecutor(len(pictures) or 1) as pool:
            several = len(pictures) > 1
            jobs = [pool.submit(self._run_one, step, p, number=n, label=p.view if several else "") for n, p in enumerate(pictures)]
            return tuple(job.result() for job in jobs)

    def _run_one(self, step: RecipeStep, thing: Any, *, number: int = 0, label: str = "") -> Any:
        """Run one stage, telling when it starts, how far it is, and how it ended; keep its record. `label` goes before what it says."""
        name, started = step.stage.name, time.perf_counter()

        def tell(state: State, share: float, words: str = "", said: tuple[str, ...] = ()) -> None:
            self.on_event(Event(stage=name, state=state, share=share, words=words, seconds=time.perf_counter() - started, notes=said))

        context = Context(
            on_progress=lambda share, words: tell("progress", share, words), cancelled=self.cancelled, recipe=self.recipe.as_data()
        )
        tell("started", 0.0)
        try:
            context.progress(0.0)
            self._rehearsal.wait_for(name)
            result = step.stage.function(thing, step.params, context)
        except BaseException as error:
            tell("failed", 0.0, str(error))
            raise _as_kiln_error(error, name) from error
        record = Step(
            stage=name,
            params=step.params.model_dump(mode="json", exclude={"out"}),
            notes=tuple(f"{label}: {note}" if label else note for note in context.notes),
            measures={f"{label}_{key}" if label else key: value for key, value in context.measures.items()},
        )
        self._records[name, number] = record
        tell("finished", 1.0, said=record.notes)
        return result

    def _run_side_by_side(self, asset: Asset, steps: Sequence[RecipeStep]) -> Asset:
        """Run stages as soon as what they read is there; the asset with everything they wrote."""
        plan = _Plan(steps)
        results: dict[int, Asset] = {}
        running: dict[Future[Any], int] = {}
        with ThreadPoolExecutor(max(1, len(steps))) as pool:
            try:
                while len(results) < len(steps):
                    for i in plan.ready(done=set(results), busy=set(running.values())):
                        running[pool.submit(self._run_one, steps[i], plan.input_of(i, asset, results))] = i
                    finished, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                    for future in finished:
                        i = running.pop(future)
                        results[i] = future.result()
            except BaseException:
                self.cancelled.set()  # let the others stop at their next look, so that the pool can close
                raise
        return plan.outcome(asset, results)


class _Plan:
    """Which stage waits for which, and what each one sees."""

    def __init__(self, steps: Sequence[RecipeStep]) -> None:
        self._steps = steps
        last_writer: dict[str, int] = {}
        self._sources: list[dict[str, int]] = []
        for i, step in enumerate(steps):
            touched = {_FIELD_OF.get(feature, feature) for feature in step.stage.reads | step.stage.writes}
            self._sources.append({name: last_writer[name] for name in touched if name in last_writer})
            last_writer |= {_FIELD_OF.get(feature, feature): i for feature in step.stage.writes}
        self._final = last_writer

    def ready(self, *, done: set[int], busy: set[int]) -> list[int]:
        """Stages that could start now."""
        return [i for i in range(len(self._steps)) if i not in done and i not in busy and set(self._sources[i].values()) <= done]

    def input_of(self, i: int, asset: Asset, results: Mapping[int, Asset]) -> Asset:
        """The asset as stage i must see it: every field as its last earlier writer left it."""
        return replace(asset, **{name: getattr(results[j], name) for name, j in self._sources[i].items()})

    def outcome(self, asset: Asset, results: Mapping[int, Asset]) -> Asset:
        """The asset with every field as its last writer left it; a stage that wrote what it did not declare is a bug."""
        for i, result in results.items():
            declared = {_FIELD_OF.get(feature, feature) for feature in self._steps[i].stage.writes}
            given = self.input_of(i, asset, results)
            for entry in fields(Asset):
                if entry.name not in declared and getattr(result, entry.name) is not getattr(given, entry.name):
                    raise PostconditionError(
                        f"{self._steps[i].stage.name} changed {entry.name!r} without declaring it: a bug in that stage"
                    )
        return replace(asset, **{name: getattr(results[i], name) for name, i in self._final.items()})


def _as_kiln_error(error: BaseException, stage: str) -> BaseException:
    """The error as it should reach the user: our own as they are, memory and Ctrl-C translated, bugs with the stage's name."""
    if isinstance(error, KilnError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("stopped: nothing was written")
    if isinstance(error, MemoryError):
        return SetupError(f"{stage} ran out of memory: ask for smaller maps or fewer triangles, or close other programs")
    error.add_note(f"in stage {stage}")
    return error
