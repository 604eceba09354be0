"""/v1/recipes, /v1/backends, /v1/stages and /v1/contracts: what there is to choose from on this service."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from kiln import stages
from kiln.faces.http.options import HttpOptions
from kiln.faces.http.paths import problems, router
from kiln.faces.http.problem import NOT_FOUND, Refusal
from kiln.faces.http.shapes import Shape
from kiln.faces.http.site import Reader
from kiln.pipeline import catalogue


class Backend(Shape):
    """A backend's card, and whether it is usable here. One that could not be loaded has only a name and a reason."""

    name: str
    usable: bool
    reason: str | None
    role: str | None = None
    summary: str = ""
    version: str = ""
    code_licence: str = ""
    weights_licence: str | None = None
    commercial_use: bool | None = None
    needs_gpu: bool = False
    memory_gb: float = 0.0
    price: str = ""
    options: dict[str, Any] = Field(default_factory=dict, description="JSON schemas of its own parameters, by name")


class StageShown(Shape):
    """A stage."""

    name: str
    summary: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: dict[str, Any] = Field(description="the JSON schema of its parameters")


class ContractShown(Shape):
    """Limits that a finished asset can be held to."""

    name: str
    summary: str
    limits: dict[str, str] = Field(description="by measure, as a contract writes them")


def make_router(options: HttpOptions) -> APIRouter:
    """The addresses of the catalogue."""
    paths = router("catalogue", body_bytes=options.json_bytes)
    paths.get("/recipes", operation_id="listRecipes", summary="List the recipes, every parameter spelled out")(_recipes)
    paths.get("/recipes/{name}", operation_id="getRecipe", summary="Show a recipe", responses=problems(404))(_recipe)
    paths.get("/backends", operation_id="listBackends", summary="List the backends")(_backends)
    paths.get("/stages", operation_id="listStages", summary="List the stages and their parameters")(_stages)
    paths.get("/contracts", operation_id="listContracts", summary="List the contracts")(_contracts)
    return paths


def _recipes(_caller: Reader) -> list[dict[str, Any]]:
    return catalogue.recipe_table()


def _recipe(_caller: Reader, name: Annotated[str, Path(max_length=200)]) -> dict[str, Any]:
    found = [recipe for recipe in catalogue.recipe_table() if recipe["name"] == name]
    if not found:
        raise Refusal(NOT_FOUND, f"there is no recipe called {name[:80]!r}: /v1/recipes lists them")
    return found[0]


def _backends(_caller: Reader) -> list[Backend]:
    return [Backend(**card) for card in catalogue.backend_table()]


def _stages(_caller: Reader) -> list[StageShown]:
    schemas = {name: stages.find(name).params.model_json_schema() for name in stages.ORDER}
    return [StageShown(**{**stage, "parameters": schemas[stage["name"]]}) for stage in catalogue.stage_table()]


def _contracts(_caller: Reader) -> list[ContractShown]:
    return [ContractShown(**contract) for contract in catalogue.contract_table()]
