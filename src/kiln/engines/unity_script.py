"""The script that sets an asset up in Unity's editor: `unity_import.cs`, filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from typing import Final

import numpy as np

from kiln.asset import Primitive
from kiln.asset.srgb import encode_srgb
from kiln.engines.fbx_scene import FbxAsset, Surface
from kiln.formats.gltf_write import Slot, material_maps
from kiln.geometry.switch import SwitchSizes

TEXTURE_SLOTS: Final[dict[Slot, str]] = {"base_color": "BaseColor", "normal": "Normal", "orm": "MaskMap", "emissive": "Emission"}
"""As HDRP/Lit calls them; textures' files end so, and the script's fields are called so."""

_MOST_TEXELS: Final = 16_384
"""On a side: Unity imports no more."""

_LOD_STEP: Final = 0.9
"""A LOD's switch height is at most this share of the one before: Unity refuses heights that do not fall."""


def import_script(name: str, fbx: FbxAsset, *, fits: Mapping[str, Primitive | None], switch: Sequence[SwitchSizes]) -> str:
    """C# source for Unity's editor, 7.3 and later, with the asset's values at its top. `fits` has what replaces each hull, if anything."""
    heights = " ".join(f"{height:.9g}" for height in lod_heights(switch, len(fbx.lods)))
    bodies = _list([_body(node, fit) for node, fit in fits.items()])
    values = {
        "ASSET": name,
        "SKINNED": _bool(fbx.skeleton is not None),
        "TANGENTS": _bool(fbx.mesh.tangents is not None),
        "LIGHTMAP_UVS": _bool(fbx.mesh.uvs is not None and fbx.mesh.lightmap_uvs is not None),
        "INFLUENCES": str(0 if fbx.mesh.joints is None else fbx.mesh.joints.shape[1]),
        "LARGEST_TEXTURE": str(_largest_texture(fbx.surfaces)),
        "LOD_HEIGHTS": ", ".join(f"{height}f" for height in heights.split()),
        "MADE": f"[Kiln prefab {sha256(f'{heights}{bodies}'.encode()).hexdigest()[:12]}|{heights}|{' '.join(fits)}]",
        "SURFACES": _list([_surface(surface) for surface in fbx.surfaces]),
        "BODIES": bodies,
    }
    text = files("kiln.engines").joinpath("unity_import.cs").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"__{key}__", value)
    return text


def lod_heights(switch: Sequence[SwitchSizes], lods: int) -> tuple[float, ...]:
    """For LOD0, LOD1, ... the share of the screen's height below which the next one is drawn; 0 for the last, which is never culled.

    Halves where they were not measured; empty for an asset without coarser LODs.
    """
    if not lods:
        return ()
    wanted = [sizes.unity_height for sizes in switch[:lods]] if len(switch) >= lods else [0.5 ** (level + 1) for level in range(lods)]
    heights = [wanted[0]]
    for height in wanted[1:]:
        heights.append(min(height, heights[-1] * _LOD_STEP))
    return (*heights, 0.0)


def in_unity(fit: Primitive) -> Primitive:
    """The body in Unity's left-handed frame, into which its importer takes meshes by negating x: turns about y and z change their sense."""
    (cx, cy, cz), (x, y, z, w) = fit.center, fit.rotation
    return replace(fit, center=(-cx, cy, cz), rotation=(x, -y, -z, w))


def _largest_texture(surfaces: Sequence[Surface]) -> int:
    """The power of two that holds the largest map, texels: Unity shrinks textures to 2048 unless told otherwise."""
    sides = [max(pixels.shape[:2]) for surface in surfaces for pixels in material_maps(surface.material).values()]
    return min(_MOST_TEXELS, 1 << (max(sides, default=1) - 1).bit_length())


def _surface(surface: Surface) -> str:
    """Unity takes plain colours sRGB-encoded, and glowing ones linear."""
    material = surface.material
    red, green, blue = encode_srgb(np.array(material.base_color_factor[:3], np.float64)).tolist()
    fields = {
        "Name": f'"{surface.name}"',
        **{TEXTURE_SLOTS[slot]: f'"{path}"' for slot, path in surface.textures.items()},
        "Alpha": f'"{material.alpha_mode}"',
        "Tint": _new("Color", (red, green, blue, material.base_color_factor[3])),
        "Glow": _new("Color", material.emissive_factor),
        "Metallic": _float(material.metallic_factor),
        "Smoothness": _float(1 - material.roughness_factor),
        "DoubleSided": _bool(material.double_sided),
    }
    return _object("Surface", fields)


def _body(node: str, fit: Primitive | None) -> str:
    if fit is None:
        return _object("Body", {"Node": f'"{node}"'})
    there = in_unity(fit)
    fields = {
        "Node": f'"{node}"',
        "Shape": f'"{there.kind}"',
        "Center": _new("Vector3", there.center),
        "Size": _new("Vector3", there.size),
        "Rotation": _new("Quaternion", there.rotation),
    }
    return _object("Body", fields)


def _object(kind: str, fields: Mapping[str, str]) -> str:
    return f"new {kind} {{ {', '.join(f'{key} = {value}' for key, value in fields.items())} }}"


def _list(items: Sequence[str]) -> str:
    return ",\n            ".join(items)


def _new(kind: str, values: Sequence[float]) -> str:
    return f"new {kind}({', '.join(map(_float, values))})"


def _float(value: float) -> str:
    """Nine digits tell every float32 from its neighbours. Adding 0.0 makes -0.0 positive."""
    return f"{value + 0.0:.9g}f"


def _bool(value: bool) -> str:
    return "true" if value else "false"
