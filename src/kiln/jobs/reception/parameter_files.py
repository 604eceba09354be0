"""Files that stages' parameters name. A request gives them as inputs, under roles such as "cutout.mask": never as paths."""

from __future__ import annotations

from collections.abc import Mapping

from kiln import stages
from kiln.pipeline.recipe import Recipe


def role_of(stage: str, parameter: str) -> str:
    """The role of the file that this parameter names."""
    return f"{stage}.{parameter}"


def roles() -> tuple[str, ...]:
    """The roles of all files that parameters may name: pictures, every one."""
    return tuple(role_of(stage.name, name) for stage in stages.STAGES.values() for name in sorted(stage.files))


def with_files(recipe: Recipe, names: Mapping[str, str]) -> Recipe:
    """The recipe whose parameters name these files, by role; other roles, and those of stages that it does without, count for nothing."""
    given: dict[str, dict[str, str]] = {}
    for role in set(roles()) & names.keys():
        stage, _, parameter = role.partition(".")
        given.setdefault(stage, {})[parameter] = names[role]
    return recipe.with_parameters(given)
