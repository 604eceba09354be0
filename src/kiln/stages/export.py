"""export: the finished asset as a package of files, with numbers measured on those files by reading them back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kiln.asset import Asset, Mesh, Package, Report, Step, Value, Verdict
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage
from kiln.version import VERSION

if TYPE_CHECKING:
    from kiln.formats.package import Draft


class ExportParams(Params):
    """What is written, and where."""

    out: Path = Field(Path("out"), description="folder in which the package's folder and zip are written")
    name: str | None = Field(None, description="what the asset is called; none takes the picture's or model's name")
    archive: bool = Field(True, description="write the package as one .zip, too")
    formats: tuple[Literal["glb", "gltf"], ...] = Field(
        ("glb",), description="glb is always written; gltf adds a .gltf that shares the textures"
    )
    previews: bool = Field(True, description="render preview sheets and the report page")
    source: bool = Field(False, description="also write the dense source mesh, to measure against")
    allow_failing: bool = Field(False, description="write the package even if it fails its contract")


@stage(reads=("source",))
def export(asset: Asset, params: ExportParams, context: Context) -> Package:
    """Write the asset as a package: GLB, LODs, hulls, textures, previews, manifest and a report measured on the files."""
    from kiln.formats.asset_files import asset_files
    from kiln.formats.names import safe_name
    from kiln.formats.package import new_package
    from kiln.proof.measure import measure_package
    from kiln.proof.report_files import gather_exhibits, preview_files, report_json, report_page, take_previews

    ready = _game_ready(asset, safe_name(params.name or asset.name))
    target = params.out / ready.name
    with ThreadPoolExecutor(2) as pool, new_package(target, archive=params.archive) as draft:
        looking = pool.submit(take_previews, ready) if params.previews else None
        context.progress(0.1, "models")
        _write(draft, asset_files(ready, gltf="gltf" in params.formats, source=params.source))
        measuring = pool.submit(measure_package, draft.folder, ready)
        context.progress(0.4, "previews and measures")
        evidence = measuring.result()
        measures = evidence.measures
        _check(measures, ready)
        verdict = None if context.judge is None else context.judge(measures)
        report = _report(ready, measures, verdict, params, context)
        _write(draft, {"report.json": report_json(report)})
        if looking is not None:
            exhibits = gather_exhibits(ready, looking.result(), evidence)
            _write(draft, preview_files(report, exhibits))
            _write(draft, {"report.html": report_page(report, exhibits, asset=ready, files=draft.files)})
        _write_manifest(draft, ready, context)
        context.progress(0.95, "package")
    archive = target.with_name(f"{ready.name}.zip") if params.archive else None
    return Package(name=ready.name, folder=target, archive=archive, files=tuple(file.name for file in draft.files), report=report)


def _game_ready(asset: Asset, name: str) -> Asset:
    """The asset under its name, its game mesh and LODs with the normals and tangents that engines need."""
    return replace(asset, name=name, mesh=_with_tangents(asset.mesh or asset.source), lods=tuple(_with_tangents(lod) for lod in asset.lods))


def _with_tangents(mesh: Mesh) -> Mesh:
    from kiln.geometry.normals import smooth_normals
    from kiln.geometry.tangents import add_tangents

    if mesh.normals is None:
        mesh = replace(mesh, normals=smooth_normals(mesh))
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
