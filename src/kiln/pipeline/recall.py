"""What stages made in earlier runs, for one run.

Only what a stage changed is kept, with what it said; of the export, the files. Of a stage that was quick nothing is kept, since reading
would take as long. Nothing that goes wrong here reaches the run: the stage works as it would have, and `close` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any, ClassVar, Final

from kiln.asset import Asset, Package
from kiln.errors import InputError
from kiln.formats import noun_codec
from kiln.pipeline.cache import StageCache, Writer
from kiln.pipeline.call_digest import FIELDS, call_digest
from kiln.pipeline.kept_package import KeptPackage
from kiln.pipeline.recipe import RecipeStep
from kiln.pipeline.watch import now
from kiln.stages import Context, Stage
from kiln.stages.export import ExportParams

_WORTH_KEEPING_S: Final = 0.1
"""Seconds that a stage must have worked. All that `kiln make` runs do, but for those with nothing to do, and place; what is kept of a stage
is read and checked at 1 ms a megabyte, and has at most some 50."""

_FLUSH_S: Final = 5.0
"""How long the end of a run may wait for entries to be written."""


class Recall:
    """One run's access to the stage cache; without a cache, it knows nothing and keeps nothing."""

    keeps_limits: ClassVar[bool] = False

    def __init__(self, cache: StageCache | None = None) -> None:
        self._cache = cache
        self._writer = None if cache is None else Writer(cache)
        self._troubles: list[str] = []

    def result(self, step: RecipeStep, thing: Any, context: Context, *, work: Callable[[], Any]) -> tuple[Any, bool]:
        """What the stage makes of the thing, and whether an earlier run had made it; what it said then, it has said to `context` now."""
        if self._cache is None or self._writer is None or not _may_be_kept(step):
            return work(), False
        digest = self._digest(step, thing, context)
        if digest is None:
            return work(), False
        found = self._find(self._cache, digest, step.stage)
        if found is not None and _is_judged_alike(found, context):
            return _said_again(found, step, thing, context), True
        started = now()
        result = work()
        if _is_worth_keeping(step, now() - started):
            self._keep(self._writer, digest, step.stage, lambda: _entry(thing, result, context))
        return result, False

    def close(self) -> tuple[str, ...]:
        """Wait for what is still being written; what went wrong in this run, in sentences."""
        if self._cache is None or self._writer is None:
            return ()
        self._writer.flush(timeout_s=_FLUSH_S)
        return (*self._troubles, *filter(None, [self._cache.trouble]))

    def _digest(self, step: RecipeStep, thing: Any, context: Context) -> str | None:
        """What the call is known by; None when the thing cannot be told from others."""
        try:
            return call_digest(step, thing, recipe=context.recipe)
        except TypeError as error:
            self._troubles.append(f"{step.stage.name} was not looked up in the stage cache: {error}")
            return None

    def _find(self, cache: StageCache, digest: str, stage: Stage) -> dict[str, Any] | None:
        """The entry, if there is one that is sound."""
        data = cache.get(digest)
        try:
            return None if data is None else _read_entry(data, stage)
        except InputError as error:
            cache.drop(digest)
            self._troubles.append(f"an entry of the stage cache was damaged, so {stage.name} worked again: {error}")
            return None

    def _keep(self, writer: Writer, digest: str, stage: Stage, entry: Callable[[], dict[str, Any]]) -> None:
        try:
            writer.put(digest, noun_codec.encode(entry(), _kind_of_entry(stage)).parts)
        except (TypeError, ValueError, OSError) as error:
            self._troubles.append(f"{stage.name} was not kept in the stage cache: {error}")


def _may_be_kept(step: RecipeStep) -> bool:
    """Whether the stage says so; of those that give packages, whether it is an export that says where they go."""
    return step.stage.cached and (step.stage.gives is not Package or isinstance(step.params, ExportParams))


def _is_judged_alike(entry: dict[str, Any], context: Context) -> bool:
    """Whether the contract says of a kept package what it said then; always, where there is no contract, or no package.

    The judge may raise, to have the package made otherwise, and may be asked only once: what it has said is what the stage will hear.
    """
    kept = entry.get("package")
    if kept is None:
        return True
    verdict = None if context.judge is None else context.judge(kept.report.measures)
    if verdict is not None:
        context.judge = lambda measures: verdict  # noqa: ARG005 - they are the same
    return bool(verdict == kept.report.contract)


def _is_worth_keeping(step: RecipeStep, seconds: float) -> bool:
    """Whether a stage worked for long, but not until its own time limit: what a clock stopped may come out better another time."""
    return _WORTH_KEEPING_S <= seconds < getattr(step.params, "time_limit_s", inf)


def _entry(thing: Any, result: Any, context: Context) -> dict[str, Any]:
    """What a stage made and said: the fields of an asset that are not what they were, or something else as a whole."""
    said = {"notes": tuple(context.notes), "measures": context.measures}
    if isinstance(result, Package):
        return {**said, "package": KeptPackage.of(result)}
    if not isinstance(thing, Asset):
        return {**said, "made": result}
    return {**said, "fields": {name: made for name in FIELDS if (made := getattr(result, name)) is not getattr(thing, name)}}


def _kind_of_entry(stage: Stage) -> dict[str, Any]:
    """The annotations of an entry."""
    return {"notes": tuple[str, ...], "measures": dict[str, float], "fields": FIELDS, "package": KeptPackage, "made": stage.gives}


def _read_entry(data: bytes, stage: Stage) -> dict[str, Any]:
    """What `_entry` made; InputError when it is anything else."""
    found: dict[str, Any] = noun_codec.decode(data, _kind_of_entry(stage))
    expected = {"notes", "measures", "package" if stage.gives is Package else "fields" if stage.takes is Asset else "made"}
    if found.keys() != expected:
        raise InputError(f"it holds {', '.join(found)} instead of {', '.join(sorted(expected))}")
    return found


def _said_again(entry: dict[str, Any], step: RecipeStep, thing: Any, context: Context) -> Any:
    """The result that an entry holds; a package is written where this run wants it."""
    context.notes.extend(entry["notes"])
    context.measures.update(entry["measures"])
    if "package" in entry:
        return entry["package"].write(step.params)
    return replace(thing, **entry["fields"]) if "fields" in entry else entry["made"]
