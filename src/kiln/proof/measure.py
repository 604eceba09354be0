"""Measures written files: everything in the report is read back from the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kiln.asset import Asset, Material, Mesh, Picture, Value
from kiln.formats.model import read_model
from kiln.formats.package_layout import hulls_path, lod_path, model_path
from kiln.geometry.rasterize import rasterize_uvs
from kiln.proof.engine import measure_hulls, measure_lods
from kiln.proof.fidelity import TexelErrors, compare_texels
from kiln.proof.outline import outline_iou
from kiln.proof.reference import Reference
from kiln.proof.seams import measure_seams
from kiln.proof.shape import measure_maps, measure_shape, measure_texels
from kiln.proof.uv_layout import measure_uvs
from kiln.proof.views import Comparison, compare_views, view_errors

_NO_MAP_SIZE = 1024
"""Texels on a side on which UVs are judged when the material has no map."""

_GUESSED = 127
"""Of 255: a texel above was guessed rather than seen."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where the models of one asset lie."""

    model: Path
    lods: tuple[Path, ...] = ()
    """LOD1, LOD2, ..."""

    hulls: Path | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What was measured, and what people can look at to see it."""

    measures: dict[str, Value]
    """Keys are those of `criteria.MEASURES`; None means not applicable."""

    mesh: Mesh
    """As read back."""

    materials: tuple[Material, ...]
    reference: Reference | None = None
    texels: TexelErrors | None = None
    views: tuple[Comparison, ...] = ()


def measure_package(folder: Path, asset: Asset) -> Evidence:
    """Numbers of an asset's files as they lie in the folder, and how true they are to the asset's source."""
    files = Files(
        model=folder / model_path(asset.name),
        lods=tuple(folder / lod_path(asset.name, level) for level in range(1, len(asset.lods) + 1)),
        hulls=folder / hulls_path(asset.name) if asset.hulls else None,
    )
    return measure_files(
        files,
        reference=None if asset.mesh is None else Reference(asset.source, asset.source_materials, voxels=asset.source_voxels),
        guessed=None if asset.material is None else asset.material.guessed,
        colored=not _is_delit(asset.material),
        pictures=asset.pictures,
    )


def measure_files(
    files: Files,
    *,
    reference: Reference | None = None,
    guessed: UInt8[np.ndarray, "height width"] | None = None,
    colored: bool = True,
    pictures: Sequence[Picture] = (),
) -> Evidence:
    """Read models back and measure them; with the source as `reference`, also how true they are to it.

    `guessed` says how far each texel's colour was guessed; `colored` is False when colour was changed on purpose, so that it cannot be
    compared; `pictures` have mattes, and the model was generated from them.
    """
    model = read_model(files.model)
    evidence = measure_mesh(model.mesh, model.materials, reference=reference, guessed=guessed, colored=colored)
    mesh, measures = model.mesh, dict(evidence.measures)
    measures |= {f"outline_iou_{each.view}": outline_iou(mesh, each.alpha, view=each.view) for each in pictures}
    measures |= measure_lods(mesh, [read_model(file, textures=False).mesh for file in files.lods])
    if files.hulls is not None:
        measures |= measure_hulls(mesh, read_model(files.hulls, textures=False).mesh)
    return replace(evidence, measures=measures | {"file_bytes": files.model.stat().st_size})


def measure_mesh(
    mesh: Mesh,
    materials: tuple[Material, ...] = (),
    *,
    reference: Reference | None = None,
    guessed: UInt8[np.ndarray, "height width"] | None = None,
    colored: bool = True,
) -> Evidence:
    """Measure a mesh in memory, as `measure_files` does. UVs and texels are judged on the first material's maps."""
    measures = measure_shape(mesh) | {"materials": max(1, len(materials))} | measure_maps(materials)
    evidence = Evidence(measures=measures, mesh=mesh, materials=materials, reference=reference)
    if mesh.uvs is not None:
        evidence = _with_uvs(evidence, mesh, guessed)
    if reference is None:
        return evidence
    views = compare_views(mesh, materials, reference)
    return replace(
        evidence, views=views, measures=evidence.measures | asdict(view_errors(views, colored=colored and _has_color(materials)))
    )


def _with_uvs(evidence: Evidence, mesh: Mesh, guessed: UInt8[np.ndarray, "height width"] | None) -> Evidence:
    """What a layout and the maps on it allow to be measured."""
    materials, reference = evidence.materials, evidence.reference
    height, width = _map_shape(materials)
    fragments = rasterize_uvs(mesh, width=width, height=height)
    covered = fragments.triangle >= 0
    measures = measure_uvs(mesh, fragments) | (measure_texels(materials[0], covered) if materials else {})
    seams = measure_seams(mesh, materials) if materials else None
    measures |= {} if seams is None else asdict(seams)
    if guessed is not None and guessed.shape == covered.shape:
        measures["guessed"] = float((guessed[covered] > _GUESSED).mean())
    if reference is None:
        return replace(evidence, measures=evidence.measures | measures)
    texels = compare_texels(mesh, materials[0] if materials else None, reference, size=width, fragments=fragments)
    return replace(evidence, texels=texels, measures=evidence.measures | measures | asdict(texels.numbers()))


def _map_shape(materials: tuple[Material, ...]) -> tuple[int, int]:
    """Height and width of the map that UVs are judged on: the normal map, else the base colour."""
    for material in materials[:1]:
        for pixels in (material.normal, material.base_color, material.orm):
            if pixels is not None:
                return pixels.shape[0], pixels.shape[1]
    return _NO_MAP_SIZE, _NO_MAP_SIZE


def _has_color(materials: tuple[Material, ...]) -> bool:
    """Whether there is a map that the source's colour was carried to."""
    return any(material.base_color is not None for material in materials)


def _is_delit(material: Material | None) -> bool:
    """Whether baked light was taken out of the colour, which is then another than the source's on purpose."""
    return material is not None and "baked_light" in material.extras
