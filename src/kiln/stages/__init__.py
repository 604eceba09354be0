"""The verbs, in the order of flow. Each file: what it is, its Params, the stage.

The work itself is in geometry/, imaging/ and backends/, imported when a stage runs, so importing all stages is cheap.

>>> from kiln import stages
>>> asset = stages.simplify(asset, triangles=500)  # doctest: +SKIP
"""

from __future__ import annotations

from kiln.errors import RecipeError, did_you_mean
from kiln.stages.bake import bake
from kiln.stages.collide import collide
from kiln.stages.cutout import cutout
from kiln.stages.delight import delight
from kiln.stages.export import export
from kiln.stages.generate import generate
from kiln.stages.inpaint import inpaint
from kiln.stages.lods import lods
from kiln.stages.place import place
from kiln.stages.repair import repair
from kiln.stages.simplify import simplify
from kiln.stages.stage import Context, Params, Stage
from kiln.stages.symmetrize import symmetrize
from kiln.stages.unwrap import unwrap

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        cutout, generate, repair, simplify, symmetrize, unwrap, bake, delight, inpaint, lods, collide, place, export,
    )
}  # fmt: skip
"""Every stage, in the order in which a picture goes. The README's table is made from this."""

ORDER: tuple[str, ...] = tuple(STAGES)


def find(name: str) -> Stage:
    """The stage of this name. RecipeError, with the nearest known name, when there is none."""
    if name not in STAGES:
        raise RecipeError(f"no stage called {name!r}: {did_you_mean(name, STAGES)}")
    return STAGES[name]


__all__ = [
    "ORDER",
    "STAGES",
    "Context",
    "Params",
    "Stage",
    "bake",
    "collide",
    "cutout",
    "delight",
    "export",
    "find",
    "generate",
    "inpaint",
    "lods",
    "place",
    "repair",
    "simplify",
    "symmetrize",
    "unwrap",
]
