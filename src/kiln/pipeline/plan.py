"""Which stage waits for which, what each one sees, and what came of all of them: follows from what stages say they read and write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields, replace
from typing import Any, ClassVar, Protocol

from kiln.asset import Asset, Step
from kiln.errors import PostconditionError
from kiln.pipeline.recipe import RecipeStep
from kiln.stages import Stage

_FIELD_OF = {"uvs": "mesh"}
"""Features that are part of a field of Asset; all others are fields."""


class AssetLike(Protocol):
    """An Asset, or a handle that stands for one: a frozen dataclass with the same fields, of which at least the history is real."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def history(self) -> tuple[Step, ...]:
        """What was done to it."""


def _fields(features: frozenset[str]) -> frozenset[str]:
    return frozenset(_FIELD_OF.get(feature, feature) for feature in features)


def touched(stage: Stage) -> frozenset[str]:
    """The fields of Asset that a stage reads or writes."""
    return _fields(stage.reads | stage.writes)


class Plan:
    """Which stage waits for which, and what each one sees."""

    def __init__(self, steps: Sequence[RecipeStep]) -> None:
        self._steps = steps
        last_writer: dict[str, int] = {}
        self._sources: list[dict[str, int]] = []
        for i, step in enumerate(steps):
            self._sources.append({name: last_writer[name] for name in touched(step.stage) if name in last_writer})
            last_writer |= dict.fromkeys(_fields(step.stage.writes), i)
        self._final = last_writer

    def ready(self, *, done: set[int], busy: set[int]) -> list[int]:
        """Stages that could start now."""
        return [i for i in range(len(self._steps)) if i not in done and i not in busy and set(self._sources[i].values()) <= done]

    def input_of(self, i: int, asset: AssetLike, results: Mapping[int, AssetLike]) -> AssetLike:
        """The asset as stage i must see it: every field as its last earlier writer left it."""
        return replace(asset, **{name: getattr(results[j], name) for name, j in self._sources[i].items()})

    def outcome(self, asset: AssetLike, results: Mapping[int, AssetLike]) -> AssetLike:
        """The asset with every field as its last writer left it; a stage that wrote what it did not declare is a bug."""
        for i, result in results.items():
            declared = _fields(self._steps[i].stage.writes)
            given = self.input_of(i, asset, results)
            for entry in fields(Asset):
                if entry.name not in declared and getattr(result, entry.name) is not getattr(given, entry.name):
                    raise PostconditionError(
                        f"{self._steps[i].stage.name} changed {entry.name!r} without declaring it: a bug in that stage"
                    )
        return replace(asset, **{name: getattr(results[i], name) for name, i in self._final.items()})


@dataclass(frozen=True, eq=False, kw_only=True)
class Done:
    """What a stage made of an asset, kept in case it is asked to do the very same again."""

    step: RecipeStep
    given: AssetLike
    result: AssetLike
    record: Step

    def answers(self, step: RecipeStep, asset: AssetLike) -> bool:
        """Whether this is what the stage would do: its parameters are equal, and all it looks at are the same objects."""
        same = self.step.stage is step.stage and self.step.params == step.params
        return same and all(getattr(self.given, name) is getattr(asset, name) for name in touched(step.stage))

    def upon(self, asset: AssetLike) -> AssetLike:
        """The asset with what the stage wrote."""
        return replace(asset, **{name: getattr(self.result, name) for name in _fields(self.step.stage.writes)})
