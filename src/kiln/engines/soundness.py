"""What no engine could show is refused before anything is made of it; what only a part of it spoils is left out, and a note says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Final

import numpy as np

from kiln.asset import Asset, Mesh
from kiln.errors import ModelError
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.gltf_write import material_maps

_SMALLEST_METRES: Final = 1e-6
"""Engines weld what is nearer than about 0.2 micrometres (Unreal: 0.00002 cm)."""

_FLATTEST: Final = 1e-4
"""A hull's least thickness, as a share of its width: physics engines make no convex body of less."""


def sound_asset(asset: Asset) -> tuple[Asset, tuple[str, ...]]:
    """The asset without LODs and hulls that engines cannot use, and notes on them.

    Raises ModelError, with the cure, for a mesh without triangles or extent, with coordinates that are no numbers, or with references to
    materials that it lacks.
    """
    materials = max(1, len(game_materials(asset)))
    for what, mesh in _meshes(asset):
        _check_mesh(what, mesh, materials=materials)
    lods = tuple(takewhile(lambda lod: game_mesh(asset).uvs is None or lod.uvs is not None, asset.lods))
    bodies = [(hull, fit) for hull, fit in asset.bodies if not _is_flat(hull)]
    notes = []
    painted = asset.source_materials if asset.material is None else (asset.material,)
    if game_mesh(asset).uvs is None and any(map(material_maps, painted)):
        notes.append("there are no UVs, so no textures: vertex colours and plain factors show instead")
    if lost := len(asset.lods) - len(lods):
        notes.append(f"{lost} LODs are left out, as the first of them has no UVs: make them again with `kiln process`")
    if flat := len(asset.hulls) - len(bodies):
        notes.append(f"{flat} collision hulls are left out, as they are flat: give them some thickness")
    return replace(asset, lods=lods, hulls=tuple(hull for hull, _ in bodies), fits=tuple(fit for _, fit in bodies)), tuple(notes)


def _meshes(asset: Asset) -> Iterator[tuple[str, Mesh]]:
    """Every mesh that engines get, with what to call it in a message."""
    yield asset.name, game_mesh(asset)
    for level, lod in enumerate(asset.lods, start=1):
        yield f"{asset.name}, LOD{level}", lod
    for number, hull in enumerate(asset.hulls):
        yield f"{asset.name}, hull {number}", hull


def _check_mesh(what: str, mesh: Mesh, *, materials: int) -> None:
    if not mesh.triangle_count:
        raise ModelError(f"{what}: it has no triangles, so there is nothing to export: give a model with a surface")
    if not np.isfinite(mesh.positions).all():
        raise ModelError(f"{what}: some coordinates are no numbers: export the model again, or repair it with `kiln process`")
    if mesh.diagonal < _SMALLEST_METRES:
        raise ModelError(f"{what}: it is smaller than a micrometre, as after scaling by zero: scale it up where it was made")
    if mesh.material_ids is not None and (last := int(mesh.material_ids.max())) >= materials:
        raise ModelError(f"{what}: triangles refer to material {last}, but there are {materials}: export it again with its materials")


def _is_flat(hull: Mesh) -> bool:
    """Whether its corners lie in one plane, near enough."""
    corners = hull.positions.astype(np.float64)
    spread = np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)
    return bool(spread[-1] <= _FLATTEST * spread[0])
