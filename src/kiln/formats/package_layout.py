"""Which files a package holds, and what is in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from jaxtyping import UInt8, UInt16

from kiln.asset import Body, Material, Mesh, Skeleton
from kiln.formats.gltf_write import EncodedMaterial, Part, Slot, material_maps, write_glb

Pixels = UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]


def model_path(name: str) -> str:
    """The game mesh with its textures inside."""
    return f"{name}.glb"


def lod_path(name: str, level: int) -> str:
    """LOD1, LOD2, ...: coarser meshes that refer to the textures' files.

    They lie beside LOD0, not in a folder of their own: many readers, Kiln's too, refuse references that climb out of a file's folder.
    """
    return f"{name}_LOD{level}.glb"


def hulls_path(name: str) -> str:
    """The collision hulls, a node each."""
    return f"collision/{name}_hulls.glb"


def source_path(name: str) -> str:
    """The dense mesh it was all taken from."""
    return f"source/{name}_source.glb"


def texture_path(name: str, what: str, *, material: int = 0, materials: int = 1) -> str:
    """A map of a material; materials are numbered where there are several."""
    return f"textures/{name}_{what}.png" if materials == 1 else f"textures/{name}_{material}_{what}.png"


def texture_pixels(name: str, materials: Sequence[Material]) -> dict[str, Pixels]:
    """Each texture's pixels by its path, those of the extra maps too, to which no GLB refers.

    Maps of 16 bits are extras always: glTF allows them, but engines turn a GLB's textures into 8 bits a channel.
    """
    pixels: dict[str, Pixels] = {}
    for number, material in enumerate(materials):
        maps: dict[str, Pixels] = dict(material_maps(material).items()) | dict(material.extras)
        if material.guessed is not None:
            maps["guessed"] = material.guessed
        pixels |= {texture_path(name, what, material=number, materials=len(materials)): found for what, found in maps.items()}
    return pixels


def model_files(
    name: str,
    *,
    mesh: Mesh,
    lods: Sequence[Mesh] = (),
    bodies: Sequence[Body] = (),
    materials: Sequence[Material] = (),
    textures: Mapping[str, bytes],
    skeleton: Skeleton | None = None,
) -> dict[str, bytes]:
    """The GLB files of a package by path: LOD0 with its textures inside, LODs that refer to them, and hulls.

    `textures` holds the PNG files of `texture_pixels`, so nothing is encoded twice.
    """
    embedded, linked = embedded_materials(name, materials, textures), linked_materials(name, materials)
    files = {model_path(name): write_glb([Part(name=name, mesh=mesh)], embedded, skeleton=skeleton)}
    for level, lod in enumerate(lods, start=1):
        files[lod_path(name, level)] = write_glb([Part(name=f"{name}_LOD{level}", mesh=lod)], linked, skeleton=skeleton)
    if bodies:
        files[hulls_path(name)] = write_glb(hull_parts(name, bodies))
    return files


def hull_name(name: str, number: int) -> str:
    """What a hull's node is called."""
    return f"{name}_hull_{number:02d}"


def hull_parts(name: str, bodies: Sequence[Body]) -> list[Part]:
    """A node for each hull; where a box, sphere or capsule is as good, the node's extras say which, as `Primitive`."""
    return [
        Part(name=hull_name(name, number), mesh=hull, materials=False, extras={} if fit is None else {"collider": asdict(fit)})
        for number, (hull, fit) in enumerate(bodies)
    ]


def without_maps(material: Material) -> Material:
    """The material's factors alone, for a mesh that has no UVs."""
    return replace(material, base_color=None, normal=None, orm=None, emissive=None, guessed=None, extras={})


def embedded_materials(name: str, materials: Sequence[Material], textures: Mapping[str, bytes]) -> list[EncodedMaterial]:
    """The materials as a GLB holds them, their maps taken from the PNG files of `texture_pixels`."""
    return [
        EncodedMaterial(material=material, images={slot: textures[path] for slot, path in used.items()})
        for material, used in zip(materials, texture_slots(name, materials), strict=True)
    ]


def linked_materials(name: str, materials: Sequence[Material]) -> list[EncodedMaterial]:
    """The materials as files of the package refer to its textures."""
    return [EncodedMaterial(material=m, images=dict(used)) for m, used in zip(materials, texture_slots(name, materials), strict=True)]


def texture_slots(name: str, materials: Sequence[Material]) -> list[dict[Slot, str]]:
    """For each material, the path of each map that files refer to."""
    count = len(materials)
    return [
        {slot: texture_path(name, slot, material=number, materials=count) for slot in material_maps(material)}
        for number, material in enumerate(materials)
    ]


def usable_slots(name: str, mesh: Mesh, materials: Sequence[Material], textures: Collection[str]) -> list[dict[Slot, str]]:
    """`texture_slots` without files that there are not; none of a mesh without UVs, which could not show them."""
    if mesh.uvs is None:
        return [{} for _ in materials]
    return [{slot: path for slot, path in used.items() if path in textures} for used in texture_slots(name, materials)]
