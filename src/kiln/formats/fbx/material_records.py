"""Materials and textures in FBX: Phong with colour, normal map and emission, which is what engines take from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from kiln.asset import UNMADE, Material
from kiln.formats.fbx.mesh_records import UV_SETS
from kiln.formats.fbx.object_records import Objects, setting, settings70
from kiln.formats.fbx.records import Record
from kiln.formats.fbx.scene import FbxMaterial, FbxSlot, FbxTexture

_SPECULAR: Final = 0.25
"""What both of Blender's importers read as their default of 0.5: a dielectric, which reflects 4 %."""

_SLOTS: Final[dict[FbxSlot, str]] = {"base_color": "DiffuseColor", "normal": "NormalMap", "emissive": "EmissiveColor"}
"""The material's property that a texture drives."""


def add_materials(objects: Objects, materials: Sequence[FbxMaterial]) -> list[np.int64]:
    """The materials' ids. A picture that several use is there once."""
    pictures: dict[str, np.int64] = {}
    found = []
    for made in materials:
        material = objects.add("Material", made.name, "", *_phong(made.material))
        for slot, texture in made.textures.items():
            if texture.path not in pictures:
                pictures[texture.path] = _add_texture(objects, texture)
            objects.connect(pictures[texture.path], material, _SLOTS[slot])
        found.append(material)
    return found


def _phong(material: Material) -> list[Record]:
    """Factors as they are, linear. Where a map that FBX does not take tells roughness and metal, the factors alone would mislead:
    all-metal without its map is black, so those of an unmade material stand in."""
    surface = material if material.orm is None else UNMADE
    strength = max(1.0, *material.emissive_factor)
    emission = [value / strength for value in material.emissive_factor]
    alpha = material.base_color_factor[3]
    properties = [
        setting("DiffuseColor", "Color", *material.base_color_factor[:3]),
        setting("DiffuseFactor", "Number", 1.0),
        setting("EmissiveColor", "Color", *emission),
        setting("EmissiveFactor", "Number", strength),
        setting("AmbientColor", "Color", 0.0, 0.0, 0.0),
        setting("SpecularColor", "Color", 1.0, 1.0, 1.0),
        setting("SpecularFactor", "Number", _SPECULAR),
        *(setting(name, "Number", _shininess(surface.roughness_factor)) for name in ("ShininessExponent", "Shininess")),
        setting("ReflectionFactor", "Number", surface.metallic_factor),
        setting("TransparentColor", "Color", *[1.0 if alpha < 1 else 0.0] * 3),
        setting("TransparencyFactor", "Number", 1.0 - alpha),
        setting("Opacity", "Number", alpha),
    ]
    return [Record("Version", (102,)), Record("ShadingModel", ("Phong",)), Record("MultiLayer", (0,)), settings70(properties)]


def _shininess(roughness: float) -> float:
    """The Phong exponent that Blender and ufbx turn back into this roughness: 100 (1 - roughness)^2."""
    return 100.0 * (1.0 - roughness) ** 2


def _add_texture(objects: Objects, texture: FbxTexture) -> np.int64:
    """A texture on the first UV set, and what it shows. The SDK looks for relative names beside the FBX file, others at both."""
    found = objects.add(
        "Texture",
        texture.name,
        "",
        Record("Type", ("TextureVideoClip",)),
        Record("Version", (202,)),
        Record("TextureName", (f"{texture.name}\0\1Texture",)),
        settings70([setting("UVSet", "KString", UV_SETS[0]), setting("UseMaterial", "bool", 1)]),
        Record("Media", (f"{texture.name}\0\1Video",)),
        Record("FileName", (texture.path,)),
        Record("RelativeFilename", (texture.path,)),
        Record("ModelUVTranslation", (0.0, 0.0)),
        Record("ModelUVScaling", (1.0, 1.0)),
        Record("Texture_Alpha_Source", ("None",)),
        Record("Cropping", (0, 0, 0, 0)),
    )
    objects.connect(_add_video(objects, texture), found)
    return found


def _add_video(objects: Objects, texture: FbxTexture) -> np.int64:
    """FBX's word for a picture's file, which may lie in this one."""
    content = () if texture.content is None else (Record("Content", (texture.content,)),)
    return objects.add(
        "Video",
        texture.name,
        "Clip",
        Record("Type", ("Clip",)),
        settings70([setting("Path", "KString", texture.path)]),
        Record("UseMipMap", (0,)),
        Record("Filename", (texture.path,)),
        Record("RelativeFilename", (texture.path,)),
        *content,
    )
