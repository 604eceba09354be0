"""FBX materials as metallic-roughness: Phong and Lambert, and the physically based ones that 3ds Max and Maya write beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from jaxtyping import UInt8

from kiln.asset import Material
from kiln.formats.fbx.beside import BesideReader, Gray
from kiln.formats.fbx.notes import Notes
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.pictures import Picture, PictureReader
from kiln.formats.fbx.properties import Vector, text
from kiln.formats.folder import Folder
from kiln.formats.image import without_alpha
from kiln.formats.orm import pack_orm

_MATTE = 0.9
"""Roughness of a Lambert material, which has no highlight."""

_WHITE, _GRAY, _BLACK = (1.0, 1.0, 1.0), (0.8, 0.8, 0.8), (0.0, 0.0, 0.0)

_ODD_LENGTH = 0.2
"""How far from 1 a normal map's vectors may be: rounding and JPEG take less."""


@dataclass(frozen=True, kw_only=True)
class _Names:
    """What a family of materials calls its properties. Textures are connected to the properties of the same or of other names."""

    base_color: str
    roughness: str
    metallic: str
    emission: str
    emission_strength: str = ""
    base_color_map: str
    roughness_map: str
    metallic_map: str
    emission_map: str
    occlusion_map: str = ""
    normal_maps: tuple[str, ...]
    glossy: tuple[str, int] = ("", 0)
    """The property, and its value, that says that roughness counts smoothness instead."""


_FAMILIES: Final = (
    _Names(  # Stingray PBS
        base_color="Maya|base_color",
        roughness="Maya|roughness",
        metallic="Maya|metallic",
        emission="Maya|emissive",
        emission_strength="Maya|emissive_intensity",
        base_color_map="Maya|TEX_color_map",
        roughness_map="Maya|TEX_roughness_map",
        metallic_map="Maya|TEX_metallic_map",
        emission_map="Maya|TEX_emissive_map",
        occlusion_map="Maya|TEX_ao_map",
        normal_maps=("Maya|TEX_normal_map",),
    ),
    _Names(  # 3ds Max's PBR Material (Metal/Rough)
        base_color="3dsMax|main|base_color",
        roughness="3dsMax|main|roughness",
        metallic="3dsMax|main|metalness",
        emission="3dsMax|main|emit_color",
        base_color_map="3dsMax|main|base_color_map",
        roughness_map="3dsMax|main|roughness_map",
        metallic_map="3dsMax|main|metalness_map",
        emission_map="3dsMax|main|emit_color_map",
        occlusion_map="3dsMax|main|ao_map",
        normal_maps=("3dsMax|main|norm_map",),
        glossy=("3dsMax|main|useGlossiness", 2),
    ),
    _Names(  # 3ds Max's Physical Material
        base_color="3dsMax|Parameters|base_color",
        roughness="3dsMax|Parameters|roughness",
        metallic="3dsMax|Parameters|metalness",
        emission="3dsMax|Parameters|emit_color",
        emission_strength="3dsMax|Parameters|emission",
        base_color_map="3dsMax|Parameters|base_color_map",
        roughness_map="3dsMax|Parameters|roughness_map",
        metallic_map="3dsMax|Parameters|metalness_map",
        emission_map="3dsMax|Parameters|emit_color_map",
        normal_maps=("3dsMax|Parameters|bump_map",),
        glossy=("3dsMax|Parameters|roughness_inv", 1),
    ),
    _Names(  # Maya's Standard Surface, and Arnold's
        base_color="Maya|baseColor",
        roughness="Maya|specularRoughness",
        metallic="Maya|metalness",
        emission="Maya|emissionColor",
        emission_strength="Maya|emission",
        base_color_map="Maya|baseColor",
        roughness_map="Maya|specularRoughness",
        metallic_map="Maya|metalness",
        emission_map="Maya|emissionColor",
        normal_maps=("Maya|normalCamera",),
    ),
)

_PHONG: Final = _Names(
    base_color="DiffuseColor",
    roughness="ShininessExponent",
    metallic="ReflectionFactor",
    emission="EmissiveColor",
    emission_strength="EmissiveFactor",
    base_color_map="DiffuseColor",
    roughness_map="ShininessExponent",
    metallic_map="ReflectionFactor",
    emission_map="EmissiveColor",
    normal_maps=("NormalMap", "Bump"),
)


Pictures = Mapping[str, Picture]
"""By the property that each is connected to."""


class MaterialReader:
    """Reads materials, each picture once."""

    def __init__(self, document: Document, folder: Folder, notes: Notes) -> None:
        self._document, self._notes = document, notes
        self._pictures = PictureReader(document, folder, notes)
        self._beside = BesideReader(self._pictures, notes)
        self._phong_is_physical = document.creator.startswith(("Blender", "Kiln"))
        """Whether a Phong's ReflectionFactor and the maps of it and of its shininess are metal and roughness, as these two programs write
        them. Maya's ReflectionFactor is 0.5 by default and says nothing of metal."""

    def read(self, item: FbxObject) -> Material:
        """The material with its maps. Colours are linear, as Blender writes them; a map takes the place of its factor, as in engines."""
        textures = self._document.in_slots(item, ("Texture", "LayeredTexture"))
        names = next((family for family in _FAMILIES if family.base_color in item.properties or family.base_color_map in textures), _PHONG)
        pictures = self._used(item, names, textures)
        physical = names is not _PHONG or self._phong_is_physical
        occlusion, roughness, metallic = self._surface(item, names, pictures, physical=physical)
        base_color = pictures.get(names.base_color_map)
        emission, glow = self._emission(item, names, pictures)
        alpha = _alpha(item)
        see_through = textures.get("TransparentColor", textures.get("TransparencyFactor"))
        cut = see_through is not None and see_through is textures.get(names.base_color_map)
        return Material(
            name=item.name or "material",
            base_color=None if base_color is None else base_color.pixels,
            base_color_factor=(*(_WHITE if base_color is not None else _base_color(item, names)), alpha),
            normal=self._normal(names, pictures),
            orm=pack_orm(occlusion, roughness, metallic),
            roughness_factor=1.0 if roughness is not None else _roughness(item, names),
            metallic_factor=1.0 if metallic is not None else _unit(item, names.metallic, 0.0) if physical else 0.0,
            emissive=None if emission is None else without_alpha(emission.pixels),
            emissive_factor=glow,
            alpha_mode="BLEND" if alpha < 1 or cut else "OPAQUE",
        )

    def _surface(
        self, item: FbxObject, names: _Names, pictures: Pictures, *, physical: bool
    ) -> tuple[Gray | None, Gray | None, Gray | None]:
        """Occlusion, roughness and metal: the material's own maps, or, where it has none of them, those that lie beside."""
        roughness = _roughness_map(item, names, pictures) if physical else None
        metallic = _metallic_map(names, pictures) if physical else None
        own = _occlusion_map(names, pictures), roughness, metallic
        if any(gray is not None for gray in own):
            return own
        beside = self._beside.surface(item.name, pictures.values())
        return own if beside is None else (beside.occlusion, beside.roughness, beside.metallic)

    def _emission(self, item: FbxObject, names: _Names, pictures: Pictures) -> tuple[Picture | None, Vector]:
        """The map and its factor, which is 1 for one that lies beside: the material, which does not know of it, may say 0."""
        own = pictures.get(names.emission_map)
        beside = self._beside.emission(item.name, pictures.values()) if own is None else None
        return (own, _emission_factor(item, names, mapped=own is not None)) if beside is None else (beside, _WHITE)

    def _used(self, item: FbxObject, names: _Names, textures: Mapping[str, FbxObject]) -> Pictures:
        """The pictures of the properties that Kiln reads, without those that are switched off (Stingray's use_color_map, ...)."""
        wanted = {value for field in fields(names) if "map" in field.name for value in _flat(getattr(names, field.name))}
        found = {slot: self._pictures.picture(texture) for slot, texture in textures.items() if slot in wanted and _is_on(item, slot)}
        return {slot: picture for slot, picture in found.items() if picture is not None}

    def _normal(self, names: _Names, pictures: Pictures) -> UInt8[np.ndarray, "h w 3"] | None:
        """The normal map, its green turned up where its name says that it points down, which is noted."""
        for slot in names.normal_maps:
            if (picture := pictures.get(slot)) is None:
                continue
            if not _holds_normals(picture.pixels):
                self._notes.add(f"the height map {picture.stem[:80]!r} was left out: bake it as a normal map")
                continue
            normal = np.ascontiguousarray(picture.pixels[..., :3])
            if picture.is_directx:
                self._notes.add(f"the normal map {picture.stem[:80]!r} was taken as DirectX's for its name; others are taken as OpenGL's")
                normal[..., 1] = 255 - normal[..., 1]
            return normal
        return None


def _is_on(item: FbxObject, slot: str) -> bool:
    return "|TEX_" not in slot or item.properties.number(slot.replace("|TEX_", "|use_"), 1.0) != 0


def _holds_normals(pixels: UInt8[np.ndarray, "h w 4"]) -> bool:
    """Whether a picture is a normal map, not a height map: most of its colours are unit vectors that point outwards. 3ds Max
    and Maya connect either to the same property."""
    vectors = pixels[::4, ::4, :3] / np.float32(127.5) - 1
    lengths = np.linalg.norm(vectors, axis=2)
    return bool(((np.abs(lengths - 1) < _ODD_LENGTH) & (vectors[..., 2] > 0)).mean() > 0.5)


def _base_color(item: FbxObject, names: _Names) -> Vector:
    red, green, blue = item.properties.vector(names.base_color, _GRAY)
    factor = item.properties.number("DiffuseFactor", 1.0) if names is _PHONG else 1.0
    return _positive(red * factor), _positive(green * factor), _positive(blue * factor)


def _emission_factor(item: FbxObject, names: _Names, *, mapped: bool) -> Vector:
    """Linear; with a map only its strength counts."""
    red, green, blue = _WHITE if mapped else item.properties.vector(names.emission, _BLACK)
    factor = item.properties.number(names.emission_strength, 1.0)
    return _positive(red * factor), _positive(green * factor), _positive(blue * factor)


def _roughness(item: FbxObject, names: _Names) -> float:
    """A factor; of a Phong material what Blender and ufbx take its exponent for: 1 - sqrt(shininess) / 10."""
    if names is not _PHONG:
        value = _unit(item, names.roughness, 0.5)
        return 1 - value if _is_glossy(item, names) else value
    if text(item.record, "ShadingModel").lower() == "lambert":
        return _MATTE
    key = "Shininess" if "Shininess" in item.properties and names.roughness not in item.properties else names.roughness
    return 1 - min(max(item.properties.number(key, 20.0), 0.0), 100.0) ** 0.5 / 10


def _roughness_map(item: FbxObject, names: _Names, pictures: Pictures) -> Gray | None:
    gray = _gray(pictures, names.roughness_map, _packed(names, pictures, 1))
    return 255 - gray if gray is not None and _is_glossy(item, names) else gray


def _metallic_map(names: _Names, pictures: Pictures) -> Gray | None:
    return _gray(pictures, names.metallic_map, _packed(names, pictures, 2))


def _occlusion_map(names: _Names, pictures: Pictures) -> Gray | None:
    return _gray(pictures, names.occlusion_map, 0)


def _packed(names: _Names, pictures: Pictures, channel: int) -> int:
    """The channel of a map, where one picture is both roughness and metal as ORM; 0, as in any gray picture, where it is only one."""
    same = names.roughness_map in pictures and pictures[names.roughness_map] is pictures.get(names.metallic_map)
    return channel if same else 0


def _gray(pictures: Pictures, slot: str, channel: int) -> Gray | None:
    return pictures[slot].pixels[..., channel] if slot in pictures else None


def _is_glossy(item: FbxObject, names: _Names) -> bool:
    key, value = names.glossy
    return bool(key) and item.properties.integer(key, 0) == value


def _alpha(item: FbxObject) -> float:
    """Opacity, or 1 less the transparency. What would be invisible is opaque: exporters that write 0 mean the opposite."""
    said = item.properties
    red, green, blue = said.vector("TransparentColor", _WHITE)
    through = said.number("TransparencyFactor", 0.0) * (red + green + blue) / 3
    alpha = said.number("Opacity", 1.0) if "Opacity" in said else 1 - through
    return min(alpha, 1.0) if alpha > 0 else 1.0


def _unit(item: FbxObject, name: str, default: float) -> float:
    return min(max(item.properties.number(name, default), 0.0), 1.0)


def _positive(value: float) -> float:
    return min(max(value, 0.0), 1e6)


def _flat(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
