"""export: the finished asset as a package of files, with numbers measured on those files by reading them back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from kiln.asset import Asset, Mesh, Package, Report, Step, Value, Verdict
from kiln.engines import EngineName, EngineOptions, Handover
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage
from kiln.version import VERSION

if TYPE_CHECKING:
    from kiln.formats.package import Draft

FileFormat = Literal["glb", "gltf", "obj", "stl", "usd", "usdz"]


class ExportParams(Params, EngineOptions):
    """What is written, for which engines, and where."""

    out: Path = Field(Path("out"), description="folder in which the package's folder and zip are written")
    name: str | None = Field(None, description="what the asset is called; none takes the picture's or model's name")
    archive: bool = Field(True, description="write the package as one .zip, too")
    engine: tuple[EngineName, ...] = Field(("unreal",), description="engines to write a ready folder for")
    formats: tuple[FileFormat, ...] = Field(("glb",), description="glb is always written; the others beside it, of LOD0")
    pack: dict[str, str] = Field(
        default_factory=dict,
        description='further textures packed from channels of the maps: {"Mask": "R=metallic G=occlusion B=1 A=1-roughness"}',
    )
    previews: bool = Field(True, description="render preview sheets and the report page")
    source: bool = Field(False, description="also write the dense source mesh, to measure against")
    allow_failing: bool = Field(False, description="write the package even if it fails its contract")

    @field_validator("pack")
    @classmethod
    def _check_recipes(cls, recipes: dict[str, str]) -> dict[str, str]:
        """Say what is wrong with them before any work is done."""
        if recipes:
            from kiln.asset import Material
            from kiln.formats.names import unique_names
            from kiln.imaging.channels import named_maps, parse_recipe

            own = {*named_maps(Material()), "guessed"}  # in any case: two files may not differ in it alone on Windows and macOS
            if taken := [name for name in recipes if name.lower() in own]:
                raise ValueError(f"the package has a map {taken[0].lower()} of its own: choose another name than {taken[0]}")

            if list(unique_names(recipes)) != list(recipes):
                raise ValueError(f"the names {', '.join(recipes)} must differ, and hold letters, digits and single underscores only")
            for recipe in recipes.values():
                parse_recipe(recipe)
        return recipes


@stage(reads=("source",))
def export(asset: Asset, params: ExportParams, context: Context) -> Package:
    """Write the asset as a package: GLB, LODs, hulls, textures, previews, manifest and a report measured on the files."""
    from kiln.engines.deliver import deliver, measured_switch_sizes
    from kiln.engines.packed import packed_textures
    from kiln.formats.asset_files import asset_files
    from kiln.formats.names import safe_name
    from kiln.formats.package import new_package
    from kiln.proof.measure import measure_package
    from kiln.proof.report_files import gather_exhibits, preview_files, report_json, report_page, take_previews

    ready = _game_ready(asset, safe_name(params.name or asset.name))
    target = params.out / ready.name
    with ThreadPoolExecutor(2) as pool, new_package(target, archives=archives(params)) as draft:
        looking = pool.submit(take_previews, ready) if params.previews else None
        context.progress(0.1, "models")
        _write(draft, files := asset_files(ready, formats=params.formats, source=params.source))
        measuring = pool.submit(measure_package, draft.folder, ready)
        context.progress(0.4, "previews and measures")
        evidence = measuring.result()
        measures = evidence.measures
        _check(measures, ready)
        verdict = None if context.judge is None else context.judge(measures)
        _write(draft, packed_textures(ready, params.pack))
        context.progress(0.6, "engines")
        handover = Handover(
            asset=ready, textures=files, switch=measured_switch_sizes(measures, len(ready.lods)), options=engine_options(params)
        )
        for note in deliver(draft, handover, params.engine):
            context.note(note)
        report = _report(ready, measures, verdict, params, context)
        _write(draft, {"report.json": report_json(report)})
        if looking is not None:
            exhibits = gather_exhibits(ready, looking.result(), evidence)
            _write(draft, preview_files(report, exhibits))
            _write(draft, {"report.html": report_page(report, exhibits, asset=ready, files=draft.files)})
        _write_manifest(draft, ready, context)
        context.progress(0.95, "package")
    return finished_package(target, draft, report, archives=archives(params))


def finished_package(target: Path, draft: Draft, report: Report, *, archives: tuple[str, ...]) -> Package:
    """What lies at the target now."""
    from kiln.formats.package import archive_of

    zips = {part: archive_of(target, part) for part in archives}
    return Package(
        name=target.name,
        folder=target,
        archive=zips.pop("", None),
        engine_archives=zips,
        files=tuple(file.name for file in draft.files),
        report=report,
    )


def archives(params: ExportParams) -> tuple[str, ...]:
    """Parts of the package that become zips of their own: the whole, and each engine's folder."""
    return ("", *dict.fromkeys(params.engine)) if params.archive else ()


def engine_options(params: ExportParams) -> EngineOptions:
    """Those of the parameters that engines look at."""
    return EngineOptions.model_validate(params.model_dump(include=set(EngineOptions.model_fields)))


def _game_ready(asset: Asset, name: str) -> Asset:
    """The asset under its name, its game mesh and LODs with the normals and tangents that engines need."""
    return replace(asset, name=name, mesh=_with_tangents(asset.mesh or asset.source), lods=tuple(_with_tangents(lod) for lod in asset.lods))


def _with_tangents(mesh: Mesh) -> Mesh:
    from kiln.geometry.normals import with_normals
    from kiln.geometry.tangents import add_tangents

    mesh = with_normals(mesh)
    return mesh if mesh.uvs is None or mesh.tangents is not None else add_tangents(mesh)


def _write(draft: Draft, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        draft.write(name, data)


def _check(measures: Mapping[str, Value], asset: Asset) -> None:
    """Raise PostconditionError when the file that was written does not hold the mesh that was meant."""
    from kiln.formats.asset_files import game_mesh

    read, meant = measures["triangles"], game_mesh(asset).triangle_count
    if read != meant:
        raise PostconditionError(f"export: the file that was written holds {read} triangles instead of {meant}")


def _report(asset: Asset, measures: Mapping[str, Value], verdict: Verdict | None, params: ExportParams, context: Context) -> Report:
    from kiln.proof.inspect import attention

    size, triangles = measures["file_bytes"], measures["triangles"]
    assert isinstance(size, int) and isinstance(triangles, int)  # noqa: S101 - for the type checker: they are always measured
    context.measure(file_bytes=size)
    context.note(f"{triangles:,} triangles in {size / 1e6:.1f} MB, textures included")
    step = Step(
        stage="export",
        params=params.model_dump(mode="json", exclude={"out", "name"}),
        notes=tuple(context.notes),
        measures=dict(context.measures),
    )
    return Report(name=asset.name, measures=measures, steps=(*asset.history, step), warnings=tuple(attention(measures)), contract=verdict)


def _write_manifest(draft: Draft, asset: Asset, context: Context) -> None:
    """What the package was made of, by what, under which terms."""
    from kiln.formats.package import write_manifest
    from kiln.proof.provenance import licences, portable, versions

    content = {
        "name": asset.name,
        "kiln": VERSION,
        "recipe": portable(context.recipe),
        "inputs": [asdict(file) for file in asset.inputs],
        "versions": versions(),
        "licences": licences(asset.history),
    }
    write_manifest(draft, content)
