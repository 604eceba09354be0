"""export: the finished asset as a package of files, with numbers measured on those files by reading them back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from kiln.asset import Asset, Material, Mesh, Package, Report, Step
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage
from kiln.version import VERSION

if TYPE_CHECKING:
    from kiln.formats.package import Draft
    from kiln.proof.preview import Tile, Views


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


@dataclass(frozen=True, eq=False, kw_only=True)
class _Previews:
    """What people look at."""

    views: Views
    maps: tuple[Tile, ...]


@stage(reads=("source",))
def export(asset: Asset, params: ExportParams, context: Context) -> Package:
    """Write the asset as a package: GLB, LODs, hulls, textures, previews, manifest and a report measured on the files."""
    from kiln.formats.names import safe_name
    from kiln.formats.package import new_package

    ready = _game_ready(asset, safe_name(params.name or asset.name))
    target = params.out / ready.name
    with ThreadPoolExecutor(2) as pool, new_package(target, archive=params.archive) as draft:
        looking = pool.submit(_photograph, ready) if params.previews else None
        context.progress(0.1, "models")
        _write_models(draft, ready, params)
        measuring = pool.submit(_measure, draft.folder, ready)
        context.progress(0.4, "previews and measures")
        report = _report(ready, measuring.result(), params, context)
        _check(report, ready)
        _write_report(draft, report, ready, looking.result() if looking else None)
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


def _materials(asset: Asset) -> tuple[Material, ...]:
    """The materials of the game mesh: the baked one; without it the source's, if the mesh still refers to them."""
    from kiln.formats.package_layout import without_maps

    mesh = _mesh(asset)
    materials = (asset.material,) if asset.material is not None else asset.source_materials
    if asset.material is None and mesh.material_ids is None:
        materials = materials[:1]
    return materials if mesh.uvs is not None else tuple(without_maps(material) for material in materials)


def _mesh(asset: Asset) -> Mesh:
    return asset.mesh or asset.source


def _write_models(draft: Draft, asset: Asset, params: ExportParams) -> None:
    """Textures, GLBs and, if asked, .gltf and the source."""
    from kiln.formats.gltf_write import Part, encode_material, write_glb
    from kiln.formats.package_layout import model_files, source_path, texture_pixels, without_maps
    from kiln.formats.png import encode_pngs

    materials = _materials(asset)
    textures = encode_pngs(texture_pixels(asset.name, materials))
    models = model_files(
        asset.name,
        mesh=_mesh(asset),
        lods=asset.lods,
        hulls=asset.hulls,
        materials=materials,
        textures=textures,
        gltf="gltf" in params.formats,
    )
    if params.source:
        plain = asset.source_materials if asset.source.uvs is not None else tuple(map(without_maps, asset.source_materials))
        part = Part(name=f"{asset.name}_source", mesh=asset.source)
        models[source_path(asset.name)] = write_glb([part], [encode_material(material) for material in plain])
    for name, data in (textures | models).items():
        draft.write(name, data)


def _photograph(asset: Asset) -> _Previews:
    from kiln.proof.preview import map_tiles, photograph

    materials = _materials(asset)
    views = photograph(_mesh(asset), materials or None, name=asset.name, lods=asset.lods, hulls=asset.hulls)
    return _Previews(views=views, maps=map_tiles(materials[0], _mesh(asset)) if materials else ())


def _measure(folder: Path, asset: Asset) -> dict[str, Any]:
    """Numbers of the files as they lie in the folder."""
    from kiln.formats.package_layout import hulls_path, lod_path, model_path
    from kiln.proof.measure import measure_model

    guessed = None if asset.material is None or asset.material.guessed is None else asset.material.guessed > 127
    return measure_model(
        folder / model_path(asset.name),
        source=asset.source,
        lods=[folder / lod_path(asset.name, level) for level in range(1, len(asset.lods) + 1)],
        hulls=folder / hulls_path(asset.name) if asset.hulls else None,
        guessed=guessed,
        pictures=asset.pictures,
    )


def _report(asset: Asset, measures: dict[str, Any], params: ExportParams, context: Context) -> Report:
    from kiln.proof.measure import attention

    context.measure(file_bytes=measures["file_bytes"])
    context.note(f"{measures['triangles']:,} triangles in {measures['file_bytes'] / 1e6:.1f} MB, textures included")
    step = Step(
        stage="export",
        params=params.model_dump(mode="json", exclude={"out", "name"}),
        notes=tuple(context.notes),
        measures=dict(context.measures),
    )
    return Report(name=asset.name, measures=measures, steps=(*asset.history, step), warnings=tuple(attention(measures)))


def _check(report: Report, asset: Asset) -> None:
    """Raise PostconditionError when the file that was written does not hold the mesh that was meant."""
    read, meant = report.measures["triangles"], _mesh(asset).triangle_count
    if read != meant:
        raise PostconditionError(f"export: the file that was written holds {read} triangles instead of {meant}")


def _write_report(draft: Draft, report: Report, asset: Asset, previews: _Previews | None) -> None:
    """report.json, and for people preview sheets and report.html."""
    from kiln.formats.package import json_bytes
    from kiln.formats.png import encode_pngs
    from kiln.proof.page import key_facts, write_page
    from kiln.proof.preview import contact_sheet, maps_sheet
    from kiln.proof.provenance import MADE_WITH, licences

    draft.write("report.json", json_bytes(asdict(report)))
    if previews is None:
        return
    facts = [f"{name} {value}" for name, value in key_facts(report.measures)]
    sheets = {"previews/contact_sheet.png": contact_sheet(previews.views, title=report.name, facts=facts)}
    if previews.maps:
        sheets["previews/maps.png"] = maps_sheet(previews.maps)
    for name, data in encode_pngs(sheets).items():
        draft.write(name, data)
    page = write_page(
        report,
        views=previews.views,
        maps=previews.maps,
        sources=asset.pictures,
        files=draft.files,
        inputs=asset.inputs,
        licences=licences(asset.history),
        made_with=MADE_WITH,
    )
    draft.write("report.html", page.encode())


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
