"""Measures written files: everything in the report is read back from the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from kiln.asset import Material, Mesh, Picture, Report
from kiln.errors import ModelError
from kiln.formats.model import EXTENSIONS, read_model
from kiln.formats.package_layout import hulls_path, lod_path, model_path
from kiln.geometry.areas import volume
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.topology import label_components, measure_topology
from kiln.imaging.matte import SOLID, border
from kiln.proof.criteria import MEASURES, Value, label_and_value
from kiln.proof.fidelity import measure_fidelity
from kiln.proof.outline import outline_iou
from kiln.proof.uv_layout import measure_layout

__all__ = ["MEASURES", "Value", "attention", "inspect_file", "label_and_value", "measure_mesh", "measure_model"]

_PIVOT_TOLERANCE = 1e-3
"""Of the diagonal."""

_NO_MAP_SIZE = 1024
"""Texels on a side on which UVs are judged when the material has no map."""


def measure_model(
    path: Path,
    *,
    source: Mesh | None = None,
    lods: Sequence[Path] = (),
    hulls: Path | None = None,
    guessed: Bool[np.ndarray, "h w"] | None = None,
    pictures: Sequence[Picture] = (),
) -> dict[str, Value]:
    """Read a model back and measure it; with its source, also how true it is; with its LODs' and hulls' files, those too.

    `guessed` marks texels whose colour was guessed; `pictures` have mattes, and the model was generated from them. Keys are those of
    `MEASURES`; None means not applicable.
    """
    model = read_model(path)
    measures = measure_mesh(model.mesh, model.materials, source=source, guessed=guessed)
    measures |= {f"outline_iou_{each.view}": outline_iou(model.mesh, each.alpha, view=each.view) for each in pictures}
    measures |= {"lods": 1 + len(lods)} if lods else {}
    measures |= {
        f"lod{number}_triangles": read_model(file, textures=False).mesh.triangle_count for number, file in enumerate(lods, start=1)
    }
    if hulls is not None:
        measures |= _measure_hulls(read_model(hulls, textures=False).mesh)
    return measures | {"file_bytes": path.stat().st_size}


def measure_mesh(
    mesh: Mesh, materials: tuple[Material, ...] = (), *, source: Mesh | None = None, guessed: Bool[np.ndarray, "h w"] | None = None
) -> dict[str, Value]:
    """Measures of a mesh in memory. UVs and fidelity are judged on the first material's maps."""
    measures = _measure_shape(mesh) | {"materials": max(1, len(materials))} | _measure_textures(materials)
    if mesh.uvs is None:
        return measures
    height, width = _map_shape(materials)
    fragments = rasterize_uvs(mesh, width=width, height=height)
    layout = measure_layout(mesh, width=width, height=height, fragments=fragments)
    measures |= {
        "uv_utilization": layout.utilization,
        "uv_overlap_texels": layout.overlap_texels,
        "uv_flipped": layout.flipped,
        "uv_zero_area": layout.zero_area,
        "uv_outside": layout.outside,
        "uv_charts": layout.charts,
        "uv_gutter_px": layout.gutter_px,
        "uv_gutter_share": None if layout.gutter_px is None else layout.gutter_px / width,
        "texel_density_px_per_m": layout.density_mean,
        "texel_density_cv": layout.density_cv,
    }
    if source is not None:
        material = materials[0] if materials else None
        fidelity = measure_fidelity(mesh, material, source, size=width, fragments=fragments)
        measures |= vars(fidelity)
    if guessed is not None and guessed.shape == fragments.triangle.shape:
        measures["guessed"] = float(guessed[fragments.triangle >= 0].mean())
    return measures


def _measure_shape(mesh: Mesh) -> dict[str, Value]:
    topology = measure_topology(mesh)
    closed = topology.is_closed and topology.is_manifold
    low, high = mesh.bounds
    width, height, depth = (float(side) for side in high - low)
    return {
        "triangles": mesh.triangle_count,
        "vertices": mesh.vertex_count,
        "watertight": "yes" if closed else "no",
        "open_edges": topology.open_edges,
        "non_manifold_edges": topology.non_manifold_edges,
        "inconsistent_edges": topology.inconsistent_edges,
        "degenerate_triangles": topology.degenerate_triangles,
        "components": topology.components,
        "volume_m3": volume(mesh) if closed else None,
        "width_m": width,
        "height_m": height,
        "depth_m": depth,
        "pivot": _pivot(mesh),
    }


def _pivot(mesh: Mesh) -> str:
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    middle, tolerance = (low + high) / 2, _PIVOT_TOLERANCE * mesh.diagonal
    if np.abs(middle).max() <= tolerance:
        return "centre"
    if np.abs([middle[0], low[1], middle[2]]).max() <= tolerance:
        return "bottom centre"
    x, y, z = (0 - low) / np.where(high > low, high - low, 1)
    return f"{x:.0%} / {y:.0%} / {z:.0%} of the size"


def _measure_textures(materials: tuple[Material, ...]) -> dict[str, Value]:
    sizes: dict[str, Value] = {}
    for name in ("base_color", "normal", "orm", "emissive"):
        found = {getattr(material, name).shape[1::-1] for material in materials if getattr(material, name) is not None}
        sizes |= {f"{name}_size": ", ".join(f"{width} × {height}" for width, height in sorted(found))} if found else {}
    return sizes


def _map_shape(materials: tuple[Material, ...]) -> tuple[int, int]:
    """Height and width of the map that UVs are judged on: the normal map, else the base colour."""
    for material in materials[:1]:
        for pixels in (material.normal, material.base_color, material.orm):
            if pixels is not None:
                return pixels.shape[0], pixels.shape[1]
    return _NO_MAP_SIZE, _NO_MAP_SIZE


def _measure_hulls(mesh: Mesh) -> dict[str, Value]:
    """Hulls that touch are told apart by their vertices, which they never share."""
    labels, count = label_components(mesh.triangles.astype(np.int32), point_count=mesh.vertex_count)
    owner = np.full(mesh.vertex_count, -1)
    owner[mesh.triangles] = labels[:, None]
    sizes = [len(np.unique(mesh.positions[owner == number], axis=0)) for number in range(count)]
    return {"hulls": count, "hull_vertices_max": max(sizes), "hull_vertices": sum(sizes)}


def inspect_file(path: Path) -> Report:
    """Measure a mesh file, a picture, or the package in a folder. ModelError or PictureError when it is none of them."""
    if path.is_dir():
        return _inspect_package(path)
    if path.suffix.lower() in EXTENSIONS:
        return _inspect_model(path)
    return _inspect_picture(path)


def _inspect_model(path: Path, *, lods: Sequence[Path] = (), hulls: Path | None = None) -> Report:
    measures = measure_model(path, lods=lods, hulls=hulls)
    return Report(name=path.stem, measures=measures, warnings=tuple(attention(measures)))


def attention(measures: Mapping[str, Value]) -> list[str]:
    """A sentence for each measure that is not good."""
    judged = ((measure, measures[measure.key]) for measure in MEASURES if measure.key in measures)
    return [f"{m.label}: {m.shown(value)}, where {m.good} is good" for m, value in judged if m.is_good(value) is False]


def _inspect_package(folder: Path) -> Report:
    model = folder / model_path(folder.name)
    if not model.is_file():
        raise ModelError(f"{folder}: there is no {model.name} in it: name a package's folder, or a single file")
    lods = [file for level in range(1, 9) if (file := folder / lod_path(folder.name, level)).is_file()]
    hulls = folder / hulls_path(folder.name)
    return _inspect_model(model, lods=lods, hulls=hulls if hulls.is_file() else None)


def _inspect_picture(path: Path) -> Report:
    from kiln.formats.picture import read_picture

    picture, notes = read_picture(path)
    measures: dict[str, Value] = {
        "width_px": picture.width,
        "height_px": picture.height,
        "view": picture.view,
        "has_matte": "yes" if picture.has_matte else "no",
    }
    if picture.has_matte:
        solid = picture.alpha >= SOLID
        measures |= {"coverage": float(solid.mean()), "touches_border": float(border(solid).mean())}
    return Report(name=picture.name, measures=measures, warnings=tuple(notes))
