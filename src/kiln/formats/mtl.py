"""Wavefront MTL files: what of them a metallic-roughness material can take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from kiln.asset import Material
from kiln.formats.folder import Folder
from kiln.formats.image import decode_image, without_alpha
from kiln.formats.orm import pack_orm

_MATTE = 0.9
"""Roughness of a material that says nothing of it: MTL's own default, no highlight, looks like this."""

_MAPS = ("map_kd", "map_ke", "norm", "map_pr", "map_pm")


def read_mtl(reference: str, folder: Folder, notes: list[str]) -> dict[str, Material]:
    """The materials of a library, by name; none, with a note, when the file is missing."""
    reference = _inside(reference, folder)
    if not folder.holds(reference):
        folder.check(reference)
        notes.append(f"the material library {reference} is missing: materials and textures were left out")
        return {}
    statements: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in folder.read(reference).decode("utf-8", "replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "newmtl":
            current = statements.setdefault(rest.strip(), {})
        elif key and not key.startswith("#"):
            current[key.lower()] = rest.strip()
    return {name: _material(name, said, folder, notes) for name, said in statements.items()}


def picture_beside(folder: Folder, notes: list[str]) -> tuple[Material, ...]:
    """A material of a picture that lies beside the model under its name, with a note; none when there is no such picture."""
    if not folder.textures:
        return ()
    for ending in ("_texture", "", "_base_color", "_basecolor", "_albedo", "_diffuse"):
        for extension in (".png", ".jpg", ".jpeg"):
            reference = f"{folder.stem}{ending}{extension}"
            if folder.holds(reference):
                notes.append(f"the file names no texture: {reference} beside it was taken")
                pixels = decode_image(folder.read(reference), what=reference)
                return (Material(name=folder.stem, base_color=pixels, roughness_factor=_MATTE, metallic_factor=0.0),)
    return ()


def _material(name: str, said: Mapping[str, str], folder: Folder, notes: list[str]) -> Material:
    wanted = _MAPS if folder.textures else ()
    maps = {key: _texture(said[key], folder, notes) for key in wanted if key in said}
    base_color = maps.get("map_kd")
    emissive = maps.get("map_ke")
    red, green, blue = (1.0, 1.0, 1.0) if base_color is not None else _three(said.get("kd", ""), 0.8)
    roughness, metallic = (None if pixels is None else pixels[..., 0] for pixels in (maps.get("map_pr"), maps.get("map_pm")))
    return Material(
        name=name or "material",
        base_color=base_color,
        base_color_factor=(red, green, blue, 1.0),
        normal=without_alpha(maps.get("norm")),
        orm=pack_orm(None, roughness, metallic),
        roughness_factor=1.0 if maps.get("map_pr") is not None else _roughness(said),
        metallic_factor=1.0 if maps.get("map_pm") is not None else _one(said.get("pm", ""), 0.0),
        emissive=without_alpha(emissive),
        emissive_factor=(1.0, 1.0, 1.0) if emissive is not None else _three(said.get("ke", ""), 0.0),
    )


def _roughness(said: Mapping[str, str]) -> float:
    """Pr, or else Blender's reading of the Phong exponent Ns."""
    if "pr" in said:
        return _one(said["pr"], _MATTE)
    if "ns" in said:
        return 1 - min(max(_one(said["ns"], 0.0), 0.0), 1000.0) ** 0.5 / 1000**0.5
    return _MATTE


def _one(words: str, default: float) -> float:
    """The first number; the default where it is none, kept in 0 to 1e6."""
    try:
        value = float(words.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return default
    return min(max(value, 0.0), 1e6) if np.isfinite(value) else default


def _three(words: str, default: float) -> tuple[float, float, float]:
    found = [_one(word, default) for word in words.split()[:3]]
    if len(found) == 1:  # one number stands for all three
        found *= 3
    return (found[0], found[1], found[2]) if len(found) == 3 else (default, default, default)


def _inside(reference: str, folder: Folder) -> str:
    """The reference with forward slashes; the file of the same name beside the model where exporters wrote their own machine's path."""
    plain = reference.replace("\\", "/")
    base = plain.rsplit("/", 1)[-1]
    return base if not folder.holds(plain) and folder.holds(base) else plain


def _texture(words: str, folder: Folder, notes: list[str]) -> UInt8[np.ndarray, "h w 4"] | None:
    """The picture a map_ statement names; options before the name are skipped. None, with a note, when it is missing."""
    name = words.rsplit(maxsplit=1)[-1] if words.startswith("-") else words
    reference = _inside(name, folder)
    if folder.holds(reference):
        return decode_image(folder.read(reference), what=reference)
    folder.check(reference)
    notes.append(f"the texture {reference} is missing and was left out")
    return None
