"""The five calls everybody makes: make, process, export, inspect, check. The command line and every later face call these."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from kiln.asset import Asset, Package, Report, View
from kiln.errors import InputError, ModelError
from kiln.pipeline.bench import LocalBench
from kiln.pipeline.cache import stage_cache
from kiln.pipeline.ladder import Parameters
from kiln.pipeline.recipe import Recipe, load_recipe, recipe_from_data
from kiln.pipeline.run import Event, Run
from kiln.pipeline.watch import read_limits
from kiln.stages.export import ExportParams
from kiln.stages.generate import front_first

PathLike = str | Path


def make(
    pictures: PathLike | Sequence[PathLike],
    *,
    recipe: str = "prop",
    out: PathLike = "out",
    name: str | None = None,
    views: Sequence[View | None] = (),
    contract: str | None = None,
    limits: Mapping[str, float] | None = None,
    cache: bool = True,
    on_event: Callable[[Event], None] | None = None,
    cancelled: threading.Event | None = None,
    **parameters: Mapping[str, Any],
) -> Package:
    """Make a game-ready package from one to four pictures of a subject.

    `views` says which side each picture shows where the file's name does not. `contract` names the limits that the package must keep, built
    in or in a .toml file, or "none"; without it the recipe's own hold. `limits` on "stage_seconds" and "memory_gb" stand before the
    recipe's. Without `cache`, nothing is taken from earlier runs and nothing kept for later ones. Further keywords are stages with
    parameters to override: `make("skewer.png", simplify={"triangles": 2000})`. The package is written to `out/<name>` and `out/<name>.zip`.
    Raises a KilnError; nothing half-written is left behind.
    """
    from kiln.formats.picture import read_picture

    paths = [pictures] if isinstance(pictures, (str, Path)) else list(pictures)
    if not 1 <= len(paths) <= 4:
        raise InputError(f"{len(paths)} pictures were given: one to four are needed, of different sides of one subject")
    if len(views) > len(paths):
        raise InputError(f"{len(views)} views were given for {len(paths)} pictures: one each at most")
    asked = [*views, *[None] * (len(paths) - len(views))]
    run = _run(_recipe(recipe, out, name, parameters, contract, limits), on_event, cancelled, cache=cache)
    read = [read_picture(Path(path), view=view) for path, view in zip(paths, asked, strict=True)]
    ordered = front_first([picture for picture, _ in read])
    _check_place(out, name or ordered[0].name)
    return cast(Package, run.from_pictures(ordered, notes=[note for _, notes in read for note in notes]))


def process(
    model: PathLike,
    *,
    recipe: str = "prop",
    out: PathLike = "out",
    name: str | None = None,
    up: Literal["y", "z"] = "y",
    contract: str | None = None,
    limits: Mapping[str, float] | None = None,
    cache: bool = True,
    on_event: Callable[[Event], None] | None = None,
    cancelled: threading.Event | None = None,
    **parameters: Mapping[str, Any],
) -> Package:
    """Take any mesh file (.glb, .gltf, .fbx, .obj, .ply, .stl) through the game stages of a recipe.

    Textures and vertex colours are carried over.

    `up` names the axis that points up in OBJ, PLY and STL files, which do not say. Otherwise as `make`.
    """
    from kiln.formats.model import read_model
    from kiln.formats.names import asset_name

    run = _run(_recipe(recipe, out, name, parameters, contract, limits), on_event, cancelled, cache=cache)
    _check_place(out, name or asset_name(Path(model).stem))
    read = read_model(Path(model), up=up)
    asset = Asset(name=read.name, source=read.mesh, source_materials=read.materials, source_voxels=read.voxels, inputs=read.inputs)
    return cast(Package, run.from_asset(asset, notes=read.notes))


def export(
    path: PathLike,
    *,
    engine: Sequence[str] = ("unreal",),
    out: PathLike | None = None,
    name: str | None = None,
    up: Literal["y", "z"] = "y",
    on_event: Callable[[Event], None] | None = None,
    cancelled: threading.Event | None = None,
    **parameters: Any,
) -> Package:
    """Hand a finished package, or any model file as it is, to engines: nothing is simplified, unwrapped or baked.

    A package (its folder or zip) gets the engines' folders beside what it has, in its place or in `out`. A model becomes a package in `out`
    ("out" by default) with its meshes, materials and skeleton as they are. Further keywords are parameters of the export stage:
    `export("out/skewer", engine=("unity", "web"), web_textures="ktx2")`. Raises a KilnError; nothing half-written is left behind.
    """
    from kiln.formats.model import read_model
    from kiln.formats.names import asset_name
    from kiln.formats.package_read import is_package
    from kiln.pipeline.reexport import export_package

    given = _with_export({"export": {**parameters, "engine": tuple(engine)}}, out=Path(out or "out"), name=name)
    recipe = recipe_from_data("export", {"summary": "A finished model as it is", "stages": ["export"]}, given)
    run = _run(recipe, on_event, cancelled, cache=False)
    if is_package(Path(path)):
        params = cast(ExportParams, recipe.steps[-1].params)
        place = None if out is None else Path(out)
        return export_package(Path(path), params, out=place, on_event=run.on_event, cancelled=run.cancelled)
    _check_place(out or "out", name or asset_name(Path(path).stem))
    read = read_model(Path(path), up=up, skins=True)
    asset = Asset(name=read.name, source=read.mesh, source_materials=read.materials, skeleton=read.skeleton, inputs=read.inputs)
    return cast(Package, run.from_asset(asset, notes=read.notes))


def inspect(path: PathLike) -> Report:
    """Measure a mesh file, a picture or a finished package's folder."""
    from kiln.proof.inspect import inspect_file

    return inspect_file(Path(path))


def check(path: PathLike, contract: str, *, limits: Sequence[str] = (), source: PathLike | None = None) -> Report:
    """Measure a mesh file or a finished package's folder and judge it by a contract, built in or in a .toml file.

    `limits` are laid over the contract's: "triangles <= 5000", "open_edges any". `source` is the dense model it was made from, in the same
    frame; with it fidelity is measured, too. The verdict is the report's `contract`. Raises a KilnError when the file cannot be read.
    """
    from kiln.formats.model import EXTENSIONS
    from kiln.proof.contract import load_contract, with_limits
    from kiln.proof.inspect import inspect_file

    terms = with_limits(load_contract(contract), limits)
    if not Path(path).is_dir() and Path(path).suffix.lower() not in EXTENSIONS:
        raise ModelError(f"{path} is no model: a contract judges {', '.join(EXTENSIONS)} files and finished packages' folders")
    report = inspect_file(Path(path), source=None if source is None else Path(source))
    return replace(report, contract=terms.judge(report.measures))


def _recipe(
    recipe: str, out: PathLike, name: str | None, parameters: Parameters, contract: str | None, limits: Mapping[str, float] | None
) -> Recipe:
    """The recipe with what the caller wants otherwise."""
    chosen = load_recipe(recipe, _with_export(parameters, out=Path(out), name=name))
    if contract is not None:
        chosen = chosen.under(contract)
    return replace(chosen, limits=read_limits(limits or {}, usual=chosen.limits))


def _run(recipe: Recipe, on_event: Callable[[Event], None] | None, cancelled: threading.Event | None, *, cache: bool) -> Run:
    return Run(
        recipe=recipe,
        on_event=on_event or (lambda event: None),  # noqa: ARG005
        cancelled=cancelled or threading.Event(),
        bench=LocalBench(stage_cache() if cache else None),
    )


def _check_place(out: PathLike, name: str) -> None:
    """Raise SetupError now, rather than after all the work, when the package cannot be written."""
    from kiln.formats.names import safe_name
    from kiln.formats.package import check_target

    check_target(Path(out) / safe_name(name))


def _with_export(parameters: Parameters, *, out: Path, name: str | None) -> dict[str, Mapping[str, Any]]:
    export = {**parameters.get("export", {}), "out": out}
    return {**parameters, "export": export | ({"name": name} if name else {})}
