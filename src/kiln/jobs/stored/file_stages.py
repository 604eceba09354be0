"""Stages of jobs that are one call: a finished package, or any model, goes to engines; a file is measured, or judged.

They take uploaded files by role and give a package, of which the last two hold nothing but a report. Lanes find them by `lane_stages`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from kiln.asset import Package, Report
from kiln.errors import ModelError
from kiln.jobs.stored.nouns import Files
from kiln.stages.export import ExportParams
from kiln.stages.stage import Context, Params, Stage, stage

if TYPE_CHECKING:
    from kiln.pipeline.run import Event

PACKAGE: Final = "package"
MODEL: Final = "model"
SOURCE: Final = "source"
"""Roles of the files."""

_REPORT: Final = "report.json"


class HandOverParams(ExportParams):
    """What is written, and for which engines."""

    up: str = Field("y", pattern="^[yz]$", description="the axis that points up in OBJ, PLY and STL files: y or z")


class InspectParams(Params):
    """Nothing may be chosen."""


class CheckParams(Params):
    """The contract, as data with all its limits."""

    name: str = Field("given", description="the contract's name")
    contract: dict[str, Any] = Field(default_factory=dict, description="limits by the key of the measure, as a contract's file has them")


@stage()
def hand_over(files: Files, params: HandOverParams, context: Context) -> Package:
    """Hand a finished package, or a model as it is, to engines: nothing is baked again."""
    from kiln.pipeline import api

    options = params.model_dump(exclude={"out", "name", "up", "engine"})
    return api.export(
        files.get(PACKAGE) or files[MODEL],
        engine=params.engine,
        out=params.out,
        name=params.name,
        up="z" if params.up == "z" else "y",
        on_event=_telling(context),
        **options,
    )


@stage()
def inspect(files: Files, params: InspectParams, context: Context) -> Package:  # noqa: ARG001 - every stage takes params
    """Measure a model, a picture or a finished package."""
    return _report_only(_measured(files, context))


@stage()
def check(files: Files, params: CheckParams, context: Context) -> Package:
    """Measure a model or a finished package, and judge it by a contract."""
    from kiln.proof.contract import contract_from_data

    terms = contract_from_data(params.name, params.contract)
    report = _measured(files, context)
    return _report_only(replace(report, contract=terms.judge(report.measures)))


STAGES: Final[Mapping[str, Stage]] = {stage.name: stage for stage in (hand_over, inspect, check)}


def _telling(context: Context) -> Callable[[Event], None]:
    """What passes a run's progress and notes on; it raises Cancelled in the run's stage when the job is to stop."""

    def tell(event: Event) -> None:
        context.progress(event.share, event.words)
        if event.state == "finished":
            for sentence in event.notes:
                context.note(sentence)

    return tell


def _measured(files: Files, context: Context) -> Report:
    from kiln.proof.inspect import inspect_file

    context.progress(0.1, "measuring")
    with _opened(files[MODEL]) as place:
        return inspect_file(place, source=files.get(SOURCE))


@contextmanager
def _opened(path: Path) -> Iterator[Path]:
    """The file; of a package's zip the folder that is in it."""
    from kiln.formats.unzip import unzip

    if path.suffix.lower() != ".zip":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        unzip(path, Path(folder), error=ModelError)
        inside = list(Path(folder).iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            raise ModelError(f"{path.name} holds no package: give the zip that `kiln make` wrote")
        yield inside[0]


def _report_only(report: Report) -> Package:
    """A package of nothing but the report."""
    from kiln.proof.report_files import report_json

    folder = Path(tempfile.mkdtemp(prefix="report-"))
    (folder / _REPORT).write_bytes(report_json(report))
    return Package(name=report.name, folder=folder, archive=None, files=(_REPORT,), report=report)
