"""What there is to choose from: stages and their parameters, backends, recipes. For faces, which import no stage themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from kiln import stages
from kiln.asset import Asset
from kiln.backends import registry
from kiln.pipeline.recipe import built_in, load_recipe
from kiln.proof.contract import built_in as built_in_contracts
from kiln.proof.contract import load_contract
from kiln.stages.stage import BackendParams


def parameters() -> Iterator[tuple[str, str, FieldInfo]]:
    """(stage, parameter, field) of every stage's parameters and of its usable backends' options, in the order of flow."""
    for name in stages.ORDER:
        params = stages.find(name).params
        for parameter, field in params.model_fields.items():
            if parameter != "options":
                yield name, parameter, field
        if issubclass(params, BackendParams):
            yield from _options(name, params)


def _options(stage: str, params: type[BackendParams]) -> Iterator[tuple[str, str, FieldInfo]]:
    """Options of every backend of the stage's role; two backends' options of one name share a flag."""
    told: set[str] = set()
    default = str(params.model_fields["backend"].default)
    for card in sorted(registry.cards(params.role), key=lambda card: card.name != default):
        for parameter, field in card.options.model_fields.items():
            if parameter not in told and card.name != "fake":
                told.add(parameter)
                yield stage, parameter, field


def model_stages() -> frozenset[str]:
    """Names of the stages that work on a mesh, and so belong to `kiln process`."""
    return frozenset(name for name in stages.ORDER if stages.find(name).takes is Asset)


def stage_table() -> list[dict[str, Any]]:
    """Each stage: name, summary, what it reads and writes, and its parameters as JSON schema."""
    found = [stages.find(name) for name in stages.ORDER]
    return [
        {
            "name": stage.name,
            "summary": stage.summary,
            "reads": sorted(stage.reads),
            "writes": sorted(stage.writes),
            "parameters": stage.params.model_json_schema().get("properties", {}),
        }
        for stage in found
    ]


def backend_table() -> list[dict[str, Any]]:
    """Each backend: its card, and why it is usable here or not; broken plugins come last."""
    listed = [
        {
            "name": card.name,
            "role": card.role,
            "summary": card.summary,
            "version": card.version,
            "code_licence": card.code_licence,
            "weights_licence": card.weights_licence,
            "commercial_use": card.commercial_use,
            "needs_gpu": card.needs_gpu,
            "memory_gb": card.memory_gb,
            "price": card.price,
            "usable": card.missing() is None,
            "reason": card.missing(),
            "options": card.options.model_json_schema().get("properties", {}),
        }
        for card in registry.cards()
    ]
    broken = [{"name": name, "usable": False, "reason": reason} for name, reason in registry.broken_plugins()]
    return listed + broken


def recipe_table() -> list[dict[str, Any]]:
    """Each built-in recipe with every parameter spelled out."""
    return [load_recipe(name).as_data() for name in built_in()]


def contract_table() -> list[dict[str, Any]]:
    """Every built-in contract: name, summary, limits as they are written."""
    found = (load_contract(name) for name in built_in_contracts())
    return [{"name": c.name, "summary": c.summary, "limits": {key: limit.words for key, limit in c.limits.items()}} for c in found]
