"""Measures any file that Kiln can read: a model, a package, a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kiln.asset import Report, Value
from kiln.errors import ModelError
from kiln.formats.model import EXTENSIONS, read_model
from kiln.formats.package_layout import hulls_path, lod_path, model_path
from kiln.imaging.matte import SOLID, border
from kiln.proof.criteria import MEASURES
from kiln.proof.measure import Files, measure_files
from kiln.proof.reference import Reference

_MOST_LODS = 8


def inspect_file(path: Path, *, source: Path | None = None) -> Report:
    """Measure a mesh file, a picture, or the package in a folder. ModelError or PictureError when it is none of them.

    `source` is the dense model it was made from, in the same frame; with it fidelity is measured, too.
    """
    if path.is_dir() or path.suffix.lower() in EXTENSIONS:
        return _inspect_model(_package_files(path) if path.is_dir() else Files(model=path), source)
    return _inspect_picture(path)


def attention(measures: Mapping[str, Value]) -> list[str]:
    """A sentence for each measure that is not good."""
    judged = ((measure, measures[measure.key]) for measure in MEASURES if measure.key in measures)
    return [f"{m.label}: {m.shown(value)}, where {m.good} is good" for m, value in judged if m.is_good(value) is False]


def _inspect_model(files: Files, source: Path | None) -> Report:
    reference = None
    if source is not None:
        dense = read_model(source)
        reference = Reference(dense.mesh, dense.materials, voxels=dense.voxels)
    measures = measure_files(files, reference=reference).measures
    return Report(name=files.model.stem, measures=measures, warnings=tuple(attention(measures)))


def _package_files(folder: Path) -> Files:
    model, hulls = folder / model_path(folder.name), folder / hulls_path(folder.name)
    if not model.is_file():
        raise ModelError(f"{folder}: there is no {model.name} in it: name a package's folder, or a single file")
    lods = (folder / lod_path(folder.name, level) for level in range(1, _MOST_LODS))
    return Files(model=model, lods=tuple(file for file in lods if file.is_file()), hulls=hulls if hulls.is_file() else None)


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
