"""What a request may say under "job": everything that is no stage's parameter, by the kind of job. Named as `pipeline.api` names them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from kiln.asset import View
from kiln.errors import InputError, did_you_mean
from kiln.intake.names import checked_prompt, inert_name
from kiln.jobs.records.job import Kind

MAX_PICTURES: Final = 4
"""One a side."""

MAX_NAME: Final = 120
"""Characters."""

_MAX_TAGS: Final = 100
"""As many as a record on the shelf takes."""

_MAX_LIMITS: Final = 200
"""Sentences; there are fewer measures than that."""


def is_picture(role: str) -> bool:
    """Whether an input of this role is a picture of the subject, one of picture_0, picture_1, ..."""
    return role.startswith("picture_")


def _shown_name(given: str) -> str:
    """ValueError for a name of which nothing would be left, or that is a path."""
    name = inert_name(given)
    if name != given.strip():
        raise ValueError("must be a plain name, without slashes and characters that cannot be seen")
    return name


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_shown_name)]
Prompt = Annotated[str, AfterValidator(checked_prompt)]
Tag = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_shown_name)]
Table = dict[str, Any]


class JobOptions(BaseModel):
    """Of every kind of job."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunLimits(BaseModel):
    """What a run may use; what is not said is as the recipe has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage_seconds: float | None = Field(None, gt=0, description="the longest that one stage may take (seconds)")
    memory_gb: float | None = Field(None, gt=0, description="the most memory that a stage may hold (GB)")


class RecipeOptions(JobOptions):
    """Of jobs that run a recipe."""

    name: Name | None = Field(None, description="what the asset is called; none takes the picture's or model's name")
    prompt: Prompt | None = Field(None, description="what is wanted, in words: kept with the asset, and what it is found by later")
    tags: tuple[Tag, ...] = Field((), max_length=_MAX_TAGS, description="words by which the asset is found later")
    contract: str | Table | None = Field(
        None, description="limits the package must keep: a built-in contract's name, \"none\", or a table of limits; else the recipe's"
    )
    limits: RunLimits = Field(RunLimits.model_validate({}), description="what the run may use")
    recipe_data: Table | None = Field(None, description="a recipe as data, in place of a built-in one: what its TOML file would say")


class MakeOptions(RecipeOptions):
    """Of a job that makes a package of pictures."""

    views: tuple[View | None, ...] = Field(
        (), max_length=MAX_PICTURES, description="which side each picture shows, in their order; null takes it from the file's name"
    )


class ProcessOptions(RecipeOptions):
    """Of a job that takes a model through the game stages."""

    up: Literal["y", "z"] = Field("y", description="the axis that points up in OBJ, PLY and STL files")


class ExportOptions(JobOptions):
    """Of a job that hands a package or a model to engines; which ones, is a parameter of the stage export."""

    name: Name | None = Field(None, description="what a model's asset is called; a finished package keeps its name")
    up: Literal["y", "z"] = Field("y", description="the axis that points up in OBJ, PLY and STL files")


class InspectOptions(JobOptions):
    """Of a job that measures a file: none."""


class CheckOptions(JobOptions):
    """Of a job that judges a file."""

    contract: str | Table = Field("sound", description="a built-in contract's name, or a table of limits")
    limits: tuple[Annotated[str, Field(max_length=200)], ...] = Field(
        (), max_length=_MAX_LIMITS, description='further limits, laid over the contract\'s, like "triangles <= 5000"'
    )


OPTIONS: Final[Mapping[Kind, type[JobOptions]]] = MappingProxyType(
    {
        Kind.MAKE: MakeOptions,
        Kind.PROCESS: ProcessOptions,
        Kind.EXPORT: ExportOptions,
        Kind.INSPECT: InspectOptions,
        Kind.CHECK: CheckOptions,
    }
)
"""Their JSON schemas are what a service tells of them."""


def read_options(kind: Kind, given: Any) -> JobOptions:
    """A request's options, all checked. InputError names the first that is unknown or out of range."""
    model = OPTIONS[kind]
    if not isinstance(given, Mapping):
        raise InputError(f"job must be a table of options, not {str(given)[:80]!r}")
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise InputError(_explain(kind, error.errors()[0], model)) from None


def _explain(kind: Kind, entry: Any, model: type[JobOptions]) -> str:
    """One pydantic error as a sentence."""
    where = ".".join(["job", *(str(part)[:80] for part in entry["loc"])])
    if entry["type"] == "extra_forbidden":
        known = model.model_fields if len(entry["loc"]) == 1 else RunLimits.model_fields
        hint = did_you_mean(str(entry["loc"][-1])[:80], known) if known else "it has none"
        return f"{where}: no such option of a job of kind {kind}, {hint}"
    message = str(entry["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} = {str(entry['input'])[:80]!r}: {message[0].lower()}{message[1:]}"
