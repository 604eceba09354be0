"""What Unreal's and Unity's FBX files share: an asset checked, named, and trimmed to what an engine's meshes may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

import numpy as np

from kiln.asset import UNMADE, Asset, Material, Mesh, Skeleton
from kiln.engines.handover import Handover
from kiln.engines.skin import ready_skin
from kiln.errors import ModelError
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.fbx.scene import FbxSlot, FbxTexture
from kiln.formats.gltf_write import Slot, material_maps
from kiln.formats.names import unique_names
from kiln.formats.package_layout import texture_path

_FBX_SLOTS: Final[tuple[FbxSlot, ...]] = ("base_color", "normal", "emissive")

_SMALLEST_METRES: Final = 1e-6
"""Engines weld what is nearer than about 0.2 micrometres (Unreal: 0.00002 cm)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxAsset:
    """What goes into the file, in Kiln's frame."""

    mesh: Mesh
    lods: tuple[Mesh, ...]
    """LOD1, LOD2, ..."""

    skeleton: Skeleton | None
    """With a single root. The meshes have joints and weights if, and only if, it is there; without, engines call them static."""

    materials: tuple[Material, ...]
    """At least one, so that the engine's mesh has a slot to fill: what has no material is `UNMADE`."""

    material_names: tuple[str, ...]
    """Safe, all different, without an engine's prefix: `<asset>`, or `<asset>_<material>` where there are several."""

    notes: tuple[str, ...]


def fbx_asset(handover: Handover) -> FbxAsset:
    """The asset as an FBX file may hold it, and notes on what that changed.

    Raises ModelError, with the cure, for an asset without triangles or extent, with coordinates that are no numbers, or with references to
    joints or materials that it lacks.
    """
    asset = handover.asset
    mesh, materials = game_mesh(asset), game_materials(asset)
    for what, found in _surfaces(asset):
        _check_surface(what, found, materials=max(1, len(materials)))
    bound = asset.skeleton if mesh.joints is not None else None
    meshes, skeleton, notes = _static(asset) if bound is None else _skinned(handover, bound)
    return FbxAsset(
        mesh=meshes[0],
        lods=meshes[1:],
        skeleton=skeleton,
        materials=materials or (UNMADE,),
        material_names=_material_names(asset.name, materials),
        notes=notes,
    )


def neutral_png(handover: Handover, number: int, slot: Slot) -> bytes:
    """The PNG of a material's map as the neutral package holds it, so that it is not encoded again."""
    materials = len(game_materials(handover.asset))
    return handover.textures[texture_path(handover.asset.name, slot, material=number, materials=materials)]


def fbx_textures(
    material: Material, paths: Mapping[Slot, str], *, embedded: Mapping[str, bytes] | None = None
) -> dict[FbxSlot, FbxTexture]:
    """The maps that an FBX material refers to, by their paths beside it; with `embedded`, which holds files by path, inside it as well."""
    present = [slot for slot in _FBX_SLOTS if slot in material_maps(material)]
    return {slot: _texture(paths[slot], embedded) for slot in present}


def _texture(path: str, embedded: Mapping[str, bytes] | None) -> FbxTexture:
    return FbxTexture(name=path.rsplit(".", 1)[0], path=path, content=None if embedded is None else embedded[path])


_Body = tuple[tuple[Mesh, ...], Skeleton | None, tuple[str, ...]]
"""LOD0 and its LODs, their skeleton, and notes."""


def _static(asset: Asset) -> _Body:
    """Joints without a skeleton mean nothing, and a skeleton that moves nothing stays behind."""
    return tuple(replace(mesh, joints=None, weights=None) for mesh in (game_mesh(asset), *asset.lods)), None, ()


def _skinned(handover: Handover, skeleton: Skeleton) -> _Body:
    asset = handover.asset
    lods = list(takewhile(lambda lod: lod.joints is not None, asset.lods))
    most, taken = handover.options.influences, _node_names(asset)
    meshes, ready, notes = ready_skin(asset.name, (game_mesh(asset), *lods), skeleton, influences=most, taken=taken)
    lost = len(asset.lods) - len(lods)
    return meshes, ready, (*notes, *([f"{lost} LODs are left out, as the first of them has no skin"] if lost else []))


def _material_names(asset: str, materials: tuple[Material, ...]) -> tuple[str, ...]:
    if len(materials) < 2:
        return (asset,)
    return unique_names(f"{asset}_{material.name}" for material in materials)


def _node_names(asset: Asset) -> list[str]:
    """What engines call the meshes' nodes: joints must have other names."""
    names = [asset.name, f"SK_{asset.name}"]
    return [*names, *(f"{name}_LOD{level}" for name in names for level in range(len(asset.lods) + 1))]


def _surfaces(asset: Asset) -> Iterator[tuple[str, Mesh]]:
    """Every mesh that is written, with what to call it in a message."""
    yield asset.name, game_mesh(asset)
    for level, lod in enumerate(asset.lods, start=1):
        yield f"{asset.name}, LOD{level}", lod
    for number, hull in enumerate(asset.hulls):
        yield f"{asset.name}, hull {number}", hull


def _check_surface(what: str, mesh: Mesh, *, materials: int) -> None:
    """Raise ModelError for a mesh that no engine could show."""
    if not mesh.triangle_count:
        raise ModelError(f"{what}: it has no triangles, so there is nothing to export: give a model with a surface")
    if not np.isfinite(mesh.positions).all():
        raise ModelError(f"{what}: some coordinates are no numbers: export the model again, or repair it with `kiln process`")
    if mesh.diagonal < _SMALLEST_METRES:
        raise ModelError(f"{what}: it is smaller than a micrometre, as after scaling by zero: scale it up where it was made")
    if mesh.material_ids is not None and (last := int(mesh.material_ids.max())) >= materials:
        raise ModelError(f"{what}: triangles refer to material {last}, but there are {materials}: export it again with its materials")
