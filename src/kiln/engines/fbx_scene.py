"""What Unreal's and Unity's folders share: an asset checked, named, trimmed to what an engine's meshes may hold; textures, materials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

import numpy as np

from kiln.asset import UNMADE, Asset, Body, Material, Mesh, Skeleton
from kiln.engines.collision_shapes import is_same_body
from kiln.engines.handover import Handover
from kiln.engines.skin import ready_skin
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.fbx.scene import FbxMaterial, FbxSlot, FbxTexture
from kiln.formats.gltf_write import Slot
from kiln.formats.names import unique_names
from kiln.formats.package_layout import texture_slots
from kiln.formats.png import encode_pngs

_FBX_SLOTS: Final[tuple[FbxSlot, ...]] = ("base_color", "normal", "emissive")


@dataclass(frozen=True, eq=False, kw_only=True)
class Surface:
    """A material of the mesh, and the files of its maps."""

    name: str
    """Safe, unlike all others, without an engine's prefix: `<asset>`, or `<asset>_<material>` where there are several."""

    material: Material
    textures: Mapping[Slot, str]
    """Paths beside the FBX file."""

    neutral: Mapping[Slot, str]
    """The same maps' paths in the neutral package."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxAsset:
    """What goes into the file, in Kiln's frame."""

    mesh: Mesh
    lods: tuple[Mesh, ...]
    """LOD1, LOD2, ..."""

    skeleton: Skeleton | None
    """With a single root. The meshes have joints and weights if, and only if, it is there; without, engines call them static."""

    surfaces: tuple[Surface, ...]
    """At least one, so that the engine's mesh has a slot to fill: what has no material is `UNMADE`."""

    bodies: tuple[Body, ...]
    """The collision; a box, sphere or capsule is kept only where it is the same body as its hull."""

    notes: tuple[str, ...]


def fbx_asset(handover: Handover, *, texture_name: Callable[[str, Slot], str], still_root: bool = False) -> FbxAsset:
    """The asset as an FBX file may hold it, and notes on what that changed. `texture_name` calls a surface's map by its name and slot;
    `still_root` is `ready_skin`'s.

    Raises ModelError, with the cure, for a skin that means nothing.
    """
    asset = handover.asset
    mesh, materials = game_mesh(asset), game_materials(asset)
    bound = asset.skeleton if mesh.joints is not None else None
    meshes, skeleton, notes = _static(asset) if bound is None else _skinned(handover, bound, still_root=still_root)
    return FbxAsset(
        mesh=meshes[0],
        lods=meshes[1:],
        skeleton=skeleton,
        surfaces=tuple(_surfaces(asset.name, materials or (UNMADE,), texture_name)),
        bodies=tuple((hull, fit if fit is not None and is_same_body(hull, fit) else None) for hull, fit in asset.bodies),
        notes=notes,
    )


def texture_files(
    handover: Handover, surfaces: Sequence[Surface], *, remade: Mapping[Slot, Callable[[Material], np.ndarray]]
) -> dict[str, bytes]:
    """The PNGs by path, as the neutral package has them, but for the slots that are `remade` from their material."""
    maps = [(surface, slot, path) for surface in surfaces for slot, path in surface.textures.items()]
    kept = {path: handover.textures[surface.neutral[slot]] for surface, slot, path in maps if slot not in remade}
    made = {path: remade[slot](surface.material) for surface, slot, path in maps if slot in remade}
    return dict(sorted((kept | encode_pngs(made)).items()))


def fbx_materials(surfaces: Sequence[Surface], *, prefix: str = "", embedded: Mapping[str, bytes] | None = None) -> list[FbxMaterial]:
    """The FBX file's materials, which refer to their maps; with `embedded`, which holds files by path, these lie in the file as well."""
    return [
        FbxMaterial(
            name=f"{prefix}{surface.name}",
            material=surface.material,
            textures={slot: _texture(surface.textures[slot], embedded) for slot in _FBX_SLOTS if slot in surface.textures},
        )
        for surface in surfaces
    ]


def _texture(path: str, embedded: Mapping[str, bytes] | None) -> FbxTexture:
    return FbxTexture(name=path.rsplit(".", 1)[0], path=path, content=None if embedded is None else embedded[path])


def _surfaces(asset: str, materials: tuple[Material, ...], texture_name: Callable[[str, Slot], str]) -> Iterator[Surface]:
    for name, material, neutral in zip(_material_names(asset, materials), materials, texture_slots(asset, materials), strict=True):
        yield Surface(name=name, material=material, textures={slot: texture_name(name, slot) for slot in neutral}, neutral=neutral)


_Bound = tuple[tuple[Mesh, ...], Skeleton | None, tuple[str, ...]]
"""LOD0 and its LODs, their skeleton, and notes."""


def _static(asset: Asset) -> _Bound:
    """Joints without a skeleton mean nothing, and a skeleton that moves nothing stays behind."""
    return tuple(replace(mesh, joints=None, weights=None) for mesh in (game_mesh(asset), *asset.lods)), None, ()


def _skinned(handover: Handover, skeleton: Skeleton, *, still_root: bool) -> _Bound:
    asset = handover.asset
    lods = list(takewhile(lambda lod: lod.joints is not None, asset.lods))
    most, taken = handover.options.influences, _node_names(asset)
    meshes, ready, notes = ready_skin(asset.name, (game_mesh(asset), *lods), skeleton, influences=most, taken=taken, still_root=still_root)
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
