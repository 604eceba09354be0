"""Wavefront MTL files with the keywords that Blender and others added for metallic-roughness materials (Pr, Pm, norm)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8

from kiln.asset import Material
from kiln.formats.gltf_write import Slot
from kiln.formats.package_layout import texture_path
from kiln.formats.png import encode_pngs


def write_mtl(
    name: str, materials: Sequence[Material], names: Sequence[str], slots: Sequence[Mapping[Slot, str]]
) -> tuple[bytes, dict[str, bytes]]:
    """The library, and the gray maps that it needs by path; materials have these names, and maps at these paths relative to it.

    MTL has no word for a channel of a packed map, so roughness and metallic come as gray pictures of their own, factors worked in;
    occlusion has no keyword at all and is left out. Colours are linear, as Blender reads them. A factor of a mapped colour is written too,
    and multiplies by the standard, though many readers take the map alone.
    """
    grays: dict[str, UInt8[np.ndarray, "..."]] = {}
    blocks = []
    for number, (material, present) in enumerate(zip(materials, slots, strict=True)):
        own = {
            texture_path(name, what, material=number, materials=len(materials)): pixels
            for what, pixels in (_gray_maps(material).items() if "orm" in present else ())
        }
        grays |= own
        blocks.append("\n".join([f"newmtl {names[number]}", *_factors(material), *_maps(material, present, tuple(own)), ""]))
    return "\n".join(blocks).encode(), encode_pngs(grays)


def _gray_maps(material: Material) -> dict[str, UInt8[np.ndarray, "h w"]]:
    """Roughness and metallic with their factors worked in, since readers take a map to stand alone."""
    if material.orm is None:
        return {}
    factors = {"roughness": (1, material.roughness_factor), "metallic": (2, material.metallic_factor)}
    return {what: _scaled(material.orm[..., channel], factor) for what, (channel, factor) in factors.items()}


def _scaled(gray: UInt8[np.ndarray, "h w"], factor: float) -> UInt8[np.ndarray, "h w"]:
    table = np.round(np.arange(256) * min(max(factor, 0.0), 1.0)).astype(np.uint8)
    return table[gray]


def _factors(material: Material) -> list[str]:
    red, green, blue, alpha = material.base_color_factor
    lines = [f"Kd {red:.6g} {green:.6g} {blue:.6g}", f"Pr {material.roughness_factor:.6g}", f"Pm {material.metallic_factor:.6g}"]
    if any(material.emissive_factor):
        lines.append("Ke {:.6g} {:.6g} {:.6g}".format(*material.emissive_factor))
    if material.alpha_mode != "OPAQUE":
        lines.append(f"d {alpha:.6g}")
    return [*lines, "illum 2"]


def _maps(material: Material, present: Mapping[Slot, str], grays: tuple[str, ...]) -> list[str]:
    lines = []
    if "base_color" in present:
        lines.append(f"map_Kd {present['base_color']}")
        if material.alpha_mode != "OPAQUE":  # readers take the picture's alpha channel where it has one
            lines.append(f"map_d {present['base_color']}")
    if "normal" in present:  # the word of the PBR keywords, and Blender's, who reads bump maps as normal maps
        lines += [f"norm {present['normal']}", f"map_Bump -bm 1 {present['normal']}"]
    lines += [f"{keyword} {path}" for keyword, path in zip(("map_Pr", "map_Pm"), grays, strict=False)]
    if "emissive" in present:
        lines.append(f"map_Ke {present['emissive']}")
    return lines
