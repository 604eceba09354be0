"""Recipe: data that says which stages run, in which order, with which parameters. Checked whole before any work."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kiln import stages
from kiln.asset import Asset, Package, Picture
from kiln.errors import RecipeError, did_you_mean
from kiln.pipeline.ladder import Parameters, Terms, read_terms
from kiln.pipeline.watch import Limits, read_limits
from kiln.proof.contract import load_contract
from kiln.stages import Params, Stage

_HEAD = ("summary", "stages", "contract", "limits")


@dataclass(frozen=True, kw_only=True)
class RecipeStep:
    """One stage of a recipe with its parameters, all checked."""

    stage: Stage
    params: Params

    def shown(self) -> dict[str, Any]:
        """The parameters as plain data, for the report and the manifest; of files only their names: where they lay is nobody's affair."""
        values = self.params.model_dump(mode="json")
        names = {name: Path(values[name]).name for name in self.stage.files if values[name] is not None}
        return {**values, **names}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Stages in order, with their parameters."""

    name: str
    summary: str
    steps: tuple[RecipeStep, ...]
    terms: Terms | None = None
    """What the package must keep, and what is tried when it does not."""

    limits: Limits = field(default_factory=Limits)

    def as_data(self) -> dict[str, Any]:
        """Plain data with every parameter spelled out, for the manifest."""
        return {
            "name": self.name,
            "summary": self.summary,
            "stages": [step.stage.name for step in self.steps],
            **{step.stage.name: step.shown() for step in self.steps},
            **({} if self.terms is None else {"contract": self.terms.as_data()}),
        }

    def under(self, contract: str) -> Recipe:
        """The recipe with other limits to keep, built in or in a .toml file, and the ladder it has; "none" for no contract."""
        if contract == "none":
            return replace(self, terms=None)
        ladder = self.terms.ladder if self.terms else ()
        return replace(self, terms=Terms(contract=load_contract(contract), ladder=ladder))

    @property
    def allows_failing(self) -> bool:
        """Whether a package that breaks its contract is written all the same."""
        return any(getattr(step.params, "allow_failing", False) for step in self.steps)

    def with_parameters(self, parameters: Parameters) -> Recipe:
        """The recipe with some of its stages' parameters replaced. RecipeError names what is unknown or out of range."""
        steps = (
            replace(step, params=read_params(step.stage, _plain(step.params) | dict(parameters[step.stage.name])))
            if step.stage.name in parameters
            else step
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))

    def from_model(self) -> Recipe:
        """The part that works on a mesh: without the stages that make a mesh of pictures."""
        return replace(self, steps=tuple(step for step in self.steps if step.stage.takes is Asset))


def built_in() -> tuple[str, ...]:
    """Names of the recipes that ship with Kiln."""
    return tuple(sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str, overrides: Parameters | None = None) -> Recipe:
    """The recipe of this name, or in this .toml file, with parameters overridden stage by stage, checked whole.

    Raises RecipeError for an unknown recipe, stage or parameter (naming the nearest), a value out of range, and an impossible order.
    """
    text, short_name = _read(name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {name!r} is not valid TOML: {error}") from None
    return recipe_from_data(short_name, data, overrides or {})


def recipe_from_data(name: str, data: Mapping[str, Any], overrides: Parameters) -> Recipe:
    """A checked recipe from plain data: `summary`, `stages` (list of names), and a table of parameters for each stage that needs one."""
    names = data.get("stages")
    if not isinstance(names, list) or not all(isinstance(entry, str) for entry in names):
        raise RecipeError(f"recipe {name!r} has no list of stages: add `stages = [...]` with some of {', '.join(stages.ORDER)}")
    chosen = [stages.find(entry) for entry in names]
    _refuse_unknown_tables(name, data, names)
    _refuse_unknown_tables("these overrides", overrides, stages.ORDER)
    steps = tuple(RecipeStep(stage=stage, params=_params(stage, data, overrides)) for stage in chosen)
    check_order(chosen)
    recipe = Recipe(
        name=name, summary=str(data.get("summary", "")), steps=steps, terms=_terms(name, data), limits=read_limits(data.get("limits", {}))
    )
    for rung in recipe.terms.ladder if recipe.terms else ():
        _refuse_unknown_tables("the contract's ladder", rung.parameters, names)
        recipe.with_parameters(rung.parameters)
    return recipe


def _terms(name: str, data: Mapping[str, Any]) -> Terms | None:
    table = data.get("contract")
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise RecipeError(f"contract must be a table of limits, not {table!r}")
    return read_terms(name, table)


def _plain(params: Params) -> dict[str, Any]:
    """Parameters as a recipe would write them; a backend's options stand beside the stage's own."""
    values = params.model_dump()
    return {**values, **(values.pop("options", None) or {})}


def _params(stage: Stage, data: Mapping[str, Any], overrides: Parameters) -> Params:
    table = data.get(stage.name, {})
    if not isinstance(table, Mapping):
        raise RecipeError(f"{stage.name} must be a table of parameters, not {table!r}")
    return read_params(stage, {**table, **overrides.get(stage.name, {})})


def read_params(stage: Stage, values: Mapping[str, Any]) -> Params:
    """A stage's Params from plain values; RecipeError says in plain words what is unknown or out of range."""
    try:
        return stage.params.model_validate(dict(values))
    except ValidationError as error:
        known = list(stage.params.model_fields)
        options = stage.option_names(values)
        raise RecipeError("; ".join(_explain(stage.name, entry, [*known, *options]) for entry in error.errors())) from None


def _explain(stage: str, entry: Any, known: Iterable[str]) -> str:
    """One pydantic error as a sentence."""
    path = [str(part) for part in entry["loc"] if part != "options"] or ["options"]  # of which a stage without a backend has none
    where = ".".join([stage, *path])
    if entry["type"] == "extra_forbidden":
        return f"{where}: no such parameter, {did_you_mean(path[-1], known)}"
    message = str(entry["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} = {entry['input']!r}: {message[0].lower()}{message[1:]}"


def check_order(chosen: Iterable[Stage]) -> None:
    """Raise RecipeError when a stage could not have what it needs at its place, or a stage stands twice, or nothing is exported."""
    thing: Any = Picture
    made: set[str] = set()
    names: list[str] = []
    for stage in chosen:
        if stage.name in names:
            raise RecipeError(f"{stage.name} stands twice in the recipe: once is enough")
        if not names and stage.takes is Asset:  # a recipe for models only
            thing, made = Asset, {"source", "source_materials", "source_voxels"}
        if not _fits(thing, stage.takes):
            raise RecipeError(
                f"{stage.name} cannot come {_after(names)}: it works on {_noun(stage.takes)}, and here there is {_noun(thing)}"
            )
        for feature in sorted(stage.reads - made):
            raise RecipeError(f"{stage.name} needs {_FEATURES[feature][0]}: put {_FEATURES[feature][1]} before it")
        thing, made = stage.gives, made | stage.writes
        names.append(stage.name)
    if thing is not Package:
        raise RecipeError("the recipe ends without a package: let export be its last stage")


_FEATURES = {
    "source": ("a source mesh", "generate"),
    "source_materials": ("a source mesh", "generate"),
    "source_voxels": ("a source mesh", "generate"),
    "pictures": ("pictures", "generate"),
    "mesh": ("a game mesh", "simplify"),
    "atlas_size": ("a game mesh with UVs", "unwrap"),
    "uvs": ("a game mesh with UVs", "unwrap"),
    "material": ("baked maps", "bake"),
    "lods": ("LODs", "lods"),
    "hulls": ("collision hulls", "collide"),
    "fits": ("collision hulls", "collide"),
}
"""Feature of an asset -> what to call it, and the stage that makes it."""


def _fits(thing: Any, takes: Any) -> bool:
    return bool(thing == takes or (thing is Picture and takes == tuple[Picture, ...]))


def _noun(thing: Any) -> str:
    return {Picture: "a picture", Asset: "an asset", Package: "a finished package"}.get(thing, "pictures")


def _after(names: list[str]) -> str:
    return f"after {names[-1]}" if names else "first"


def _refuse_unknown_tables(where: str, data: Mapping[str, Any], names: Iterable[str]) -> None:
    for key in data:
        if key not in _HEAD and key not in names:
            raise RecipeError(f"{where}: {key!r} is not one of its stages, {did_you_mean(key, [*_HEAD, *names])}")


def _folder() -> Any:
    return resources.files("kiln.pipeline") / "recipes"


def _read(name: str) -> tuple[str, str]:
    """A recipe's text and short name, from the built-in ones or from a .toml file."""
    if name in built_in():
        return (_folder() / f"{name}.toml").read_text(encoding="utf-8"), name
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(f"no recipe called {name!r}: {did_you_mean(name, built_in())}, or give the path of a .toml file")
    try:
        return path.read_text(encoding="utf-8"), path.stem
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe file {name} cannot be read: {error}") from None
