"""Wanted: a request as it was read and checked, with the words of the command line. Its files are not looked at here.

A request comes from a stranger, and a recipe may name files of the machine it is read on. None of the server's may ever be read for a
stranger: recipes and contracts are built in or given as data, and parameters that name files or folders are refused. Files that parameters
need are inputs, as `parameter_files` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast, get_args

from kiln import stages
from kiln.asset import Asset
from kiln.backends import registry
from kiln.errors import InputError, RecipeError, did_you_mean
from kiln.jobs.reception import parameter_files
from kiln.jobs.reception.job_options import CheckOptions, ExportOptions, JobOptions, RecipeOptions, RunLimits, read_options
from kiln.jobs.records.job import Kind, Request
from kiln.jobs.telemetry.scrub import scrub
from kiln.pipeline.catalogue import model_stages
from kiln.pipeline.ladder import Parameters, Terms
from kiln.pipeline.recipe import Recipe, built_in, load_recipe, read_params, recipe_from_data
from kiln.pipeline.watch import Limits, read_limits
from kiln.proof.contract import Contract, contract_from_data, load_contract, with_limits
from kiln.proof.contract import built_in as built_in_contracts
from kiln.stages.stage import BackendParams, Stage

OPTIONS_KEY: Final = "job"
"""Under which a request's parameters hold what is no stage's."""

_EXPORT_ONLY: Final = {"summary": "A finished model as it is", "stages": ["export"]}

_LONGEST_SENTENCE: Final = 1000
"""Characters of an error's message: it may repeat what a stranger sent."""

_LONGEST_NAME: Final = 80
"""Characters of a recipe's or contract's name."""

_MOST_RUNGS: Final = 32
"""Of a stranger's ladder: each is a further run of the recipe."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """The most that a service lets a job use, whatever its recipe says."""

    stage_seconds: float = 3600.0
    """Any one stage."""

    memory_gb: float | None = None
    """Of one stage; None for no limit."""

    job_seconds: float = 4 * 3600.0
    """One attempt at the whole job, on a clock that only runs forward."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a request asks for."""

    options: JobOptions
    recipe: Recipe | None = None
    """Of jobs that make a package, with every parameter in place and the limits that hold."""

    contract: Contract | None = None
    """Of jobs of kind check."""


USUAL_CEILING: Final = Ceiling()


def read_request(request: Request, *, ceiling: Ceiling = USUAL_CEILING) -> Wanted:
    """What the request asks for, every word of it checked. InputError (RecipeError) names what is unknown, out of range or not let in."""
    with _fit_to_show():
        options = read_options(request.kind, request.parameters.get(OPTIONS_KEY, {}))
        overrides = _by_stage({name: values for name, values in request.parameters.items() if name != OPTIONS_KEY}, kind=request.kind)
        if isinstance(options, CheckOptions):
            return Wanted(options=options, contract=with_limits(_contract(options.contract), options.limits))
        if isinstance(options, RecipeOptions):
            return Wanted(options=options, recipe=_recipe(request, options, overrides, ceiling))
        if isinstance(options, ExportOptions):
            named = recipe_from_data("export", _EXPORT_ONLY, _with_name(overrides, options.name))
            return Wanted(options=options, recipe=_limited(named, RunLimits.model_validate({}), ceiling))
        return Wanted(options=options)


@contextmanager
def _fit_to_show() -> Iterator[None]:
    """Messages short and without controls: they go into logs, terminals and answers."""
    try:
        yield
    except RecursionError:
        raise InputError("the request is nested too deeply: use tables as a recipe has them") from None
    except RecipeError as error:
        raise RecipeError(scrub(str(error))[:_LONGEST_SENTENCE]) from None


def _recipe(request: Request, options: RecipeOptions, overrides: Parameters, ceiling: Ceiling) -> Recipe:
    """The recipe with what the request wants otherwise."""
    overrides = _with_name(overrides, options.name)
    recipe = _named(request.recipe, overrides) if options.recipe_data is None else _given(request.recipe, options.recipe_data, overrides)
    _check_start(recipe, request.kind)
    for name in overrides.keys() - {step.stage.name for step in recipe.steps}:  # they count for nothing, but are to be right
        read_params(stages.find(name), overrides[name])
    return _limited(_under(recipe, options.contract), options.limits, ceiling)


def _with_name(overrides: Parameters, name: str | None) -> Parameters:
    return overrides if name is None else {**overrides, "export": {**overrides.get("export", {}), "name": name}}


def _named(name: str, overrides: Parameters) -> Recipe:
    """A built-in recipe; a path is none."""
    if name not in built_in():
        shown = name[:_LONGEST_NAME]
        raise RecipeError(f"no recipe called {shown!r}: {did_you_mean(shown, built_in())}; give one of your own as job.recipe_data")
    return load_recipe(name, overrides)


def _given(name: str, data: Mapping[str, Any], overrides: Parameters) -> Recipe:
    """A recipe from a stranger's data."""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise RecipeError(f"a recipe's name is 1 to {_LONGEST_NAME} printable characters")
    _refuse_paths({stage: values for stage, values in data.items() if stage in stages.STAGES})
    rungs = _rungs(data.get("contract"))
    if len(rungs) > _MOST_RUNGS:
        raise RecipeError(f"recipe {name!r}: the contract's ladder has {len(rungs)} rungs, and {_MOST_RUNGS} are taken at most")
    for rung in rungs:
        _refuse_paths(rung)
    return recipe_from_data(name, data, overrides)


def _rungs(contract: Any) -> list[Mapping[str, Any]]:
    """The contract's ladder, as far as it is one; what it is otherwise, the recipe's reader says."""
    ladder = contract.get("ladder") if isinstance(contract, Mapping) else None
    return [rung for rung in ladder if isinstance(rung, Mapping)] if isinstance(ladder, list) else []


def _check_start(recipe: Recipe, kind: Kind) -> None:
    if kind is Kind.MAKE and recipe.steps[0].stage.takes is Asset:
        raise RecipeError(
            f"recipe {recipe.name!r} begins with {recipe.steps[0].stage.name}, which works on models: process a model with it"
        )


def _under(recipe: Recipe, contract: str | Mapping[str, Any] | None) -> Recipe:
    """The recipe with another contract's limits to keep, and the ladder it has."""
    if contract is None:
        return recipe
    if contract == "none":
        return replace(recipe, terms=None)
    return replace(recipe, terms=Terms(contract=_contract(contract), ladder=recipe.terms.ladder if recipe.terms else ()))


def _contract(asked: str | Mapping[str, Any]) -> Contract:
    """A contract by its name, or from data, which may say under "name" what it is called; a path is none."""
    if not isinstance(asked, str):
        name = asked.get("name", "given")
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise RecipeError(f"a contract's name is 1 to {_LONGEST_NAME} printable characters")
        return contract_from_data(name, {key: written for key, written in asked.items() if key != "name"})
    if asked not in built_in_contracts():
        shown = asked[:_LONGEST_NAME]
        raise RecipeError(f"no contract called {shown!r}: {did_you_mean(shown, built_in_contracts())}, or give a table of limits")
    return load_contract(asked)


def _limited(recipe: Recipe, asked: RunLimits, ceiling: Ceiling) -> Recipe:
    """The recipe with the limits that hold: asked for, else the recipe's; never above the ceiling. InputError for asking beyond it."""
    most = {"stage_seconds": ceiling.stage_seconds, "memory_gb": ceiling.memory_gb}
    for name, value in asked.model_dump(exclude_none=True).items():
        if most[name] is not None and value > most[name]:
            raise InputError(f"job.limits.{name} = {value:g} is more than this service allows: {most[name]:g} at most")
    limits = read_limits(asked.model_dump(exclude_none=True), usual=recipe.limits)
    return replace(recipe, limits=_lowered(limits, ceiling))


def _lowered(limits: Limits, ceiling: Ceiling) -> Limits:
    memory = [value for value in (limits.memory_gb, ceiling.memory_gb) if value is not None]
    return Limits(stage_seconds=min(limits.stage_seconds, ceiling.stage_seconds), memory_gb=min(memory, default=None))


def _by_stage(parameters: Mapping[str, Any], *, kind: Kind) -> Parameters:
    """Overrides, each the table of a stage that such a job may have."""
    allowed = _stages_of(kind)
    for name, values in parameters.items():
        if name not in allowed:
            hint = did_you_mean(name[:_LONGEST_NAME], [*allowed, OPTIONS_KEY])
            raise RecipeError(f"parameters: {name[:_LONGEST_NAME]!r} is no stage of a job of kind {kind}, {hint}")
        if not isinstance(values, Mapping):
            raise RecipeError(f"{name} must be a table of parameters, not {str(values)[:_LONGEST_NAME]!r}")
    _refuse_paths(parameters)
    return cast(Parameters, parameters)


def _stages_of(kind: Kind) -> Iterable[str]:
    """Names of the stages that a job of this kind may give parameters for."""
    return {Kind.MAKE: stages.ORDER, Kind.PROCESS: sorted(model_stages()), Kind.EXPORT: ("export",)}.get(kind, ())


def _refuse_paths(tables: Mapping[str, Any]) -> None:
    """RecipeError for a parameter that names a file or folder of the machine that the stage runs on."""
    for name, values in tables.items():
        if name not in stages.STAGES or not isinstance(values, Mapping):
            continue
        options = values.get("options")
        given = {*values, *(options if isinstance(options, Mapping) else ())}
        closed = sorted(given & _paths_of(stages.STAGES[name]))
        if closed:
            role = parameter_files.role_of(name, closed[0])
            cure = f"upload the file, and name it as the input {role!r}" if role in parameter_files.roles() else "leave it out"
            raise RecipeError(f"{role} names a file or folder, and a service opens none that a request names: {cure}")


def _paths_of(stage: Stage) -> frozenset[str]:
    """Names of the parameters that hold paths: declared as files, or annotated so; the options of the stage's backends count, too."""
    fields = dict(stage.params.model_fields)
    if issubclass(stage.params, BackendParams):
        for card in registry.cards(stage.params.role):
            fields |= card.options.model_fields
    return stage.files | {name for name, field in fields.items() if _mentions_path(field.annotation)}


def _mentions_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_mentions_path, get_args(annotation)))
