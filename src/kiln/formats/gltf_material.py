"""A glTF's materials as Kiln's (glTF 2.0, section 3.9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from kiln.asset import Material
from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.gltf_container import Gltf
from kiln.formats.gltf_json import Entry
from kiln.formats.image import MAX_PIXELS, decode_image, without_alpha

_CUTOFF: Final = 0.5
"""The alpha from which on a masked surface is there, in Kiln and all that it writes; glTF's default."""

_MAX_TOTAL_PIXELS = 4 * MAX_PIXELS
"""Of all textures of a file together: 1 GB."""


@dataclass(frozen=True)
class UvMap:
    """Which UV set a material reads, and how it moves it (KHR_texture_transform)."""

    texture_set: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    """Radians, counter-clockwise in an image whose v runs down."""

    scale: tuple[float, float] = (1.0, 1.0)


class MaterialReader:
    """Reads materials and decodes each picture once."""

    def __init__(self, gltf: Gltf) -> None:
        self._gltf = gltf
        self._decoded: dict[int, UInt8[np.ndarray, "h w 4"] | None] = {}
        self._pixels = 0

    def uv_map(self, index: int) -> UvMap:
        """The UV set and transform of the material's first texture."""
        used = _texture_infos(gltf_json.pick(self._gltf.document, "materials", index))
        maps = [_uv_map(info) for info in used.values()]
        if any(found != maps[0] for found in maps):
            self._gltf.note("a material's textures use different UVs; those unlike its first texture's were left out")
        return maps[0] if maps else UvMap()

    def read(self, index: int) -> Material:
        """The material with its maps."""
        declared = gltf_json.pick(self._gltf.document, "materials", index)
        uv_map = self.uv_map(index)
        wanted = _texture_infos(declared).items() if self._gltf.folder.textures else ()
        found = {slot: self._texture(info) for slot, info in wanted if _uv_map(info) == uv_map}
        pixels = {slot: texture for slot, texture in found.items() if texture is not None}
        shading = gltf_json.entry(declared, "pbrMetallicRoughness")
        material = Material(
            name=gltf_json.text(declared, "name") or f"material_{index}",
            base_color=pixels.get("baseColorTexture"),
            base_color_factor=_four(gltf_json.numbers(shading, "baseColorFactor", (1.0, 1.0, 1.0, 1.0))),
            normal=_normal(pixels.get("normalTexture"), gltf_json.number(gltf_json.entry(declared, "normalTexture"), "scale", 1.0)),
            orm=_orm(
                pixels.get("occlusionTexture"),
                pixels.get("metallicRoughnessTexture"),
                gltf_json.number(gltf_json.entry(declared, "occlusionTexture"), "strength", 1.0),
            ),
            roughness_factor=gltf_json.number(shading, "roughnessFactor", 1.0),
            metallic_factor=gltf_json.number(shading, "metallicFactor", 1.0),
            emissive=without_alpha(pixels.get("emissiveTexture")),
            emissive_factor=_emissive_factor(declared),
            alpha_mode=_alpha_mode(declared),
            double_sided=declared.get("doubleSided") is True,
        )
        return _cut_at_half(material, gltf_json.number(declared, "alphaCutoff", _CUTOFF))

    def _texture(self, info: Entry) -> UInt8[np.ndarray, "h w 4"] | None:
        """The texture's pixels; None, with a note, when its file is missing."""
        texture = gltf_json.pick(self._gltf.document, "textures", gltf_json.integer(info, "index"))
        webp = gltf_json.entry(gltf_json.entry(texture, "extensions"), "EXT_texture_webp")
        if "source" not in webp and "source" not in texture:
            self._gltf.note("a texture in a format Kiln does not read was left out")
            return None
        source = gltf_json.integer(webp if "source" in webp else texture, "source")
        if source not in self._decoded:
            self._decoded[source] = self._image(source)
        return self._decoded[source]

    def _image(self, index: int) -> UInt8[np.ndarray, "h w 4"] | None:
        image = gltf_json.pick(self._gltf.document, "images", index)
        if "bufferView" in image:
            data = bytes(self._gltf.view(gltf_json.integer(image, "bufferView"))[0])
        else:
            uri = gltf_json.text(image, "uri")
            if self._gltf.is_missing(uri):
                self._gltf.note(f"the texture {uri[:80]!r} is missing and was left out")
                return None
            data = self._gltf.resource(uri)
        pixels = decode_image(data, what=f"texture {index}")
        self._pixels += pixels.shape[0] * pixels.shape[1]
        if self._pixels > _MAX_TOTAL_PIXELS:
            raise ModelError(f"its textures have more than {_MAX_TOTAL_PIXELS:,} pixels together: make them smaller")
        return pixels


def _texture_infos(declared: Entry) -> dict[str, Entry]:
    """The textures a material uses, base colour first."""
    shading = gltf_json.entry(declared, "pbrMetallicRoughness")
    slots = [(shading, "baseColorTexture"), (shading, "metallicRoughnessTexture")]
    slots += [(declared, key) for key in ("normalTexture", "occlusionTexture", "emissiveTexture")]
    return {key: gltf_json.entry(owner, key) for owner, key in slots if key in owner}


def _uv_map(info: Entry) -> UvMap:
    moved = gltf_json.entry(gltf_json.entry(info, "extensions"), "KHR_texture_transform")
    texture_set = gltf_json.integer(info, "texCoord", high=7, default=0)
    return UvMap(
        texture_set=gltf_json.integer(moved, "texCoord", high=7, default=texture_set),
        offset=_two(gltf_json.numbers(moved, "offset", (0.0, 0.0))),
        rotation=gltf_json.number(moved, "rotation", 0.0),
        scale=_two(gltf_json.numbers(moved, "scale", (1.0, 1.0))),
    )


def _normal(pixels: UInt8[np.ndarray, "h w 4"] | None, scale: float) -> UInt8[np.ndarray, "h w 3"] | None:
    """The normal map with its scale (of x and y) worked in."""
    normal = without_alpha(pixels)
    if normal is None or scale == 1:
        return normal
    vectors = (normal / np.float32(127.5) - 1) * np.array([scale, scale, 1], np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6)
    return np.round((vectors + 1) * 127.5).astype(np.uint8)


def _orm(
    occlusion: UInt8[np.ndarray, "h1 w1 4"] | None, shading: UInt8[np.ndarray, "h2 w2 4"] | None, strength: float
) -> UInt8[np.ndarray, "h w 3"] | None:
    """One map of both textures, as large as the larger; what has no texture is 255, so that factors stand alone."""
    if occlusion is None and shading is None:
        return None
    sizes = [(m.shape[1], m.shape[0]) for m in (occlusion, shading) if m is not None]
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    orm = np.full((height, width, 3), 255, np.uint8)
    if shading is not None:
        orm[..., 1:] = _resized(shading, width, height)[..., 1:3]
    if occlusion is not None:
        seen = _resized(occlusion, width, height)[..., 0]
        orm[..., 0] = seen if strength == 1 else np.round(255 - np.clip(strength, 0, 1) * (255 - seen.astype(np.float32)))
    return orm


def _resized(pixels: UInt8[np.ndarray, "h1 w1 4"], width: int, height: int) -> UInt8[np.ndarray, "h w 4"]:
    if pixels.shape[:2] == (height, width):
        return pixels
    return cv2.resize(np.array(pixels), (width, height), interpolation=cv2.INTER_LINEAR)


def _emissive_factor(declared: Entry) -> tuple[float, float, float]:
    extension = gltf_json.entry(gltf_json.entry(declared, "extensions"), "KHR_materials_emissive_strength")
    strength = gltf_json.number(extension, "emissiveStrength", 1.0)
    red, green, blue = gltf_json.numbers(declared, "emissiveFactor", (0.0, 0.0, 0.0))
    return red * strength, green * strength, blue * strength


def _alpha_mode(declared: Entry) -> Literal["OPAQUE", "MASK", "BLEND"]:
    mode = gltf_json.text(declared, "alphaMode", "OPAQUE")
    if mode == "MASK":
        return "MASK"
    return "BLEND" if mode == "BLEND" else "OPAQUE"


def _cut_at_half(material: Material, cutoff: float) -> Material:
    """The material with its alpha scaled so that 0.5 lets through what `cutoff` did."""
    if material.alpha_mode != "MASK" or cutoff == _CUTOFF:
        return material
    if cutoff <= 0:
        return replace(material, alpha_mode="OPAQUE")
    red, green, blue, alpha = material.base_color_factor
    wanted, pixels = alpha * _CUTOFF / cutoff, material.base_color
    if wanted > 1 and pixels is not None:  # a factor ends at 1, so the rest goes into the map
        scaled = np.clip(np.rint(pixels[..., 3] * wanted), 0, 255).astype(np.uint8)
        pixels = np.concatenate([pixels[..., :3], scaled[..., None]], axis=-1)
    return replace(material, base_color=pixels, base_color_factor=(red, green, blue, min(1.0, wanted)))


def _two(values: tuple[float, ...]) -> tuple[float, float]:
    return values[0], values[1]


def _four(values: tuple[float, ...]) -> tuple[float, float, float, float]:
    return values[0], values[1], values[2], values[3]
