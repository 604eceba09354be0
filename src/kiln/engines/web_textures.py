"""The maps of a web model: reduced, then as WebP, KTX 2 or PNG files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from kiln import settings
from kiln.asset import Material
from kiln.engines.handover import Handover
from kiln.formats.asset_files import game_materials
from kiln.formats.gltf_write import EncodedMaterial, Slot, material_maps
from kiln.formats.package_layout import texture_path
from kiln.formats.png import encode_png
from kiln.formats.webp import encode_webp_color, encode_webp_data, encode_webp_normal
from kiln.imaging.shrink import MapKind, fitting_size, shrink

_KINDS: Final[dict[Slot, MapKind]] = {"base_color": "color", "normal": "normal", "orm": "data", "emissive": "color"}
_WEBP: Final = {"color": encode_webp_color, "normal": encode_webp_normal, "data": encode_webp_data}

_BLOCK: Final = 4
"""KHR_texture_basisu wants sides that are multiples of a GPU's block."""


def web_materials(handover: Handover, *, side: int) -> list[EncodedMaterial]:
    """The game mesh's materials, their maps at most `side` texels wide and high, in the format that the options ask for."""
    materials = game_materials(handover.asset)
    jobs = [(number, slot, pixels) for number, material in enumerate(materials) for slot, pixels in material_maps(material).items()]
    with ThreadPoolExecutor(settings.threads()) as pool:
        found = list(pool.map(lambda job: _encoded(handover, materials, *job, side=side), jobs))
    images: list[dict[Slot, bytes | str]] = [{} for _ in materials]
    for (number, slot, _), data in zip(jobs, found, strict=True):
        images[number][slot] = data
    return [EncodedMaterial(material=material, images=held) for material, held in zip(materials, images, strict=True)]


def largest_side(handover: Handover) -> int:
    """Texels on the longest side of any map; 0 without maps."""
    maps = [pixels for material in game_materials(handover.asset) for pixels in material_maps(material).values()]
    return max((max(pixels.shape[:2]) for pixels in maps), default=0)


def _encoded(handover: Handover, materials: tuple[Material, ...], number: int, slot: Slot, pixels: np.ndarray, *, side: int) -> bytes:
    form = handover.options.web_textures
    size = fitting_size(pixels.shape, side, multiple=_BLOCK if form == "ktx2" else 1)
    reduced = shrink(pixels, size, kind=_KINDS[slot])
    if form == "webp":
        return _WEBP[_KINDS[slot]](reduced)
    if form == "ktx2":
        from kiln.formats.ktx2 import encode_ktx2

        return encode_ktx2(reduced, srgb=_KINDS[slot] == "color", normal=_KINDS[slot] == "normal")
    ready = handover.textures.get(texture_path(handover.asset.name, slot, material=number, materials=len(materials)))
    return ready if ready is not None and reduced is pixels else encode_png(reduced)
