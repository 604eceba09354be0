"""The stages that a service's lanes know: those of recipes, and those that begin with uploaded files.

An upload was let in by `intake`, which trusts nobody; here, with a lane's limits on time and memory around it, it is read as the command
line reads it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from pydantic import Field

from kiln import stages
from kiln.asset import Asset, Picture, View
from kiln.errors import RecipeError
from kiln.jobs.stored.nouns import Files
from kiln.stages.stage import Context, Params, Stage, stage

PICTURE: Final = "picture"
"""The role of the file that `read_picture` reads."""

MODEL: Final = "model"
"""The role of the file that `read_model` reads."""


class ReadPictureParams(Params):
    """What is known of a picture beside its file."""

    view: View | None = Field(None, description="the side it shows; none takes what the file's name says, else front")


class ReadModelParams(Params):
    """What is known of a model beside its file."""

    up: str = Field("y", pattern="^[yz]$", description="the axis that points up in OBJ, PLY and STL files: y or z")
    skins: bool = Field(False, description="read joints and weights, too")


@stage()
def read_picture(files: Files, params: ReadPictureParams, context: Context) -> Picture:
    """Read an uploaded picture, upright."""
    from kiln.formats.picture import read_picture as read

    picture, notes = read(files[PICTURE], view=params.view)
    for note in notes:
        context.note(note)
    return picture


@stage()
def read_model(files: Files, params: ReadModelParams, context: Context) -> Asset:
    """Read an uploaded model's surface."""
    from kiln.formats.model import read_model as read

    found = read(files[MODEL], up="z" if params.up == "z" else "y", skins=params.skins)
    for note in found.notes:
        context.note(note)
    return Asset(
        name=found.name,
        source=found.mesh,
        source_materials=found.materials,
        source_voxels=found.voxels,
        skeleton=found.skeleton,
        inputs=found.inputs,
    )


FURTHER: Final = ("kiln.jobs.stored.file_stages",)
"""Modules with a table STAGES of further stages by name, imported when somebody asks for a stage that is not found before."""


def find(name: str) -> Stage:
    """The stage of this name. RecipeError when there is none."""
    own = {own.name: own for own in (read_picture, read_model)}
    if name in own:
        return own[name]
    if name in stages.STAGES:
        return stages.find(name)
    for module in FURTHER:
        table: dict[str, Stage] = importlib.import_module(module).STAGES
        if name in table:
            return table[name]
    raise RecipeError(f"no stage of a lane is called {name!r}")


def warm_up() -> Iterator[Callable[[], Any]]:
    """Steps that an idle lane takes, each short, so that its calls find modules imported and kernels loaded."""
    from kiln.pipeline.rehearsal import MODULES, rehearse_export, rehearse_here, rehearse_simplify

    for module in MODULES:
        yield partial(importlib.import_module, module)
    yield from (rehearse_here, rehearse_simplify, rehearse_export)  # what runs beside a job's first stages begins with what comes last
