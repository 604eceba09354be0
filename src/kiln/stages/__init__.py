"""The verbs, in the order of flow. Each file: what it is, its Params, the stage.

The work itself is in geometry/, imaging/ and backends/.
"""

from __future__ import annotations

import importlib
from typing import Any

from kiln.errors import RecipeError, did_you_mean
from kiln.stages.stage import Context, Params, Stage

ORDER: tuple[str, ...] = (
    "cutout",
    "generate",
    "repair",
    "simplify",
    "unwrap",
    "bake",
    "lods",
    "collide",
    "place",
    "export",
)
"""Every stage, in the order in which a picture goes. The README's table is made from this."""


def find(name: str) -> Stage:
    """The stage of this name. RecipeError, with the nearest known name, when there is none."""
    if name not in ORDER:
        raise RecipeError(f"no stage called {name!r}: {did_you_mean(name, ORDER)}")
    stage = getattr(importlib.import_module(f"kiln.stages.{name}"), name)
    assert isinstance(stage, Stage)  # noqa: S101 - our own table, not input
    return stage


def __getattr__(name: str) -> Any:
    if name in ORDER:
        return find(name)
    raise AttributeError(f"module 'kiln.stages' has no attribute {name!r}")


__all__ = ["ORDER", "Context", "Params", "Stage", "find"]
