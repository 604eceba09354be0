"""What stages made in earlier runs, for one run.

Only what a stage changed is kept, with what it said; a stage that was quick is not kept at all, since reading would take as long. Nothing
that goes wrong here reaches the run: the stage works as it would have, and `close` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kiln.asset import Asset, Package
from kiln.errors import InputError
from kiln.formats import noun_codec
from kiln.pipeline.cache import StageCache, Writer
from kiln.pipeline.call_digest import FIELDS, call_digest
from kiln.pipeline.recipe import RecipeStep
from kiln.pipeline.watch import now
from kiln.stages import Context, Stage

_WORTH_KEEPING_S: Final = 0.1
"""Seconds that a stage must have worked. All that `kiln make` runs do, but for those with nothing to do, and place; what is kept of a stage
is read and checked at 1 ms a megabyte, and has at most some 50."""

_FLUSH_S: Final = 5.0
"""How long the end of a run may wait for entries to be written."""


class Recall:
    """One run's access to the stage cache; without a cache, it knows nothing and keeps nothing."""

    def __init__(self, cache: StageCache | None = None, *, worth_keeping_s: float = _WORTH_KEEPING_S) -> None:
        self._cache = cache
        self._writer = None if cache is None else Writer(cache)
        self._worth_keeping_s = worth_keeping_s
        self._troubles: list[str] = []

    def result(self, step: RecipeStep, thing: Any, context: Context, *, work: Callable[[], Any]) -> tuple[Any, bool]:
        """What the stage makes of the thing, and whether an earlier run had made it; what it said then, it has said to `context` now."""
        if self._cache is None or self._writer is None or not step.stage.cached or step.stage.gives is Package:
            return work(), False
        digest = self._digest(step, thing)
        if digest is None:
            return work(), False
        found = self._find(self._cache, digest, step.stage)
        if found is not None:
            return _said_again(found, thing, context), True
        started = now()
        result = work()
        if now() - started >= self._worth_keeping_s:
            self._keep(self._writer, digest, step.stage, _entry(thing, result, context))
        return result, False

    def close(self) -> tuple[str, ...]:
        """Wait for what is still being written; what went wrong in this run, in sentences."""
        if self._cache is None or self._writer is None:
            return ()
        self._writer.flush(timeout_s=_FLUSH_S)
        return (*self._troubles, *filter(None, [self._cache.trouble]))

    def _digest(self, step: RecipeStep, thing: Any) -> str | None:
        """What the call is known by; None when the thing cannot be told from others."""
        try:
            return call_digest(step, thing)
        except TypeError as error:
            self._troubles.append(f"{step.stage.name} was not looked up in the stage cache: {error}")
            return None

    def _find(self, cache: StageCache, digest: str, stage: Stage) -> dict[str, Any] | None:
        """The entry, if there is one that is sound."""
        data = cache.get(digest)
        try:
            return None if data is None else noun_codec.decode(data, _kind_of_entry(stage))
        except InputError as error:
            cache.drop(digest)
            self._troubles.append(f"an entry of the stage cache was damaged, so {stage.name} worked again: {error}")
            return None

    def _keep(self, writer: Writer, digest: str, stage: Stage, entry: dict[str, Any]) -> None:
        try:
            writer.put(digest, noun_codec.encode(entry, _kind_of_entry(stage)).parts)
        except TypeError as error:
            self._troubles.append(f"{stage.name} was not kept in the stage cache: {error}")


def _entry(thing: Any, result: Any, context: Context) -> dict[str, Any]:
    """What a stage made and said: the fields of an asset that are not what they were, or something else as a whole."""
    said = {"notes": tuple(context.notes), "measures": context.measures}
    if not isinstance(thing, Asset):
        return {**said, "made": result}
    return {**said, "fields": {name: made for name in FIELDS if (made := getattr(result, name)) is not getattr(thing, name)}}


def _kind_of_entry(stage: Stage) -> dict[str, Any]:
    """The annotations of an entry."""
    return {"notes": tuple[str, ...], "measures": dict[str, float], "fields": FIELDS, "made": stage.gives}


def _said_again(entry: dict[str, Any], thing: Any, context: Context) -> Any:
    """The result that an entry holds."""
    context.notes.extend(entry["notes"])
    context.measures.update(entry["measures"])
    return replace(thing, **entry["fields"]) if isinstance(thing, Asset) else entry["made"]
