"""What the page shows: a GLB of the asset, its LODs and hulls with textures made for the web, and the studio it stands in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from kiln import settings
from kiln.asset import Asset, Material, Mesh
from kiln.engines.handover import Handover
from kiln.engines.viewer.poster import shown_materials, soft_shadow
from kiln.formats.asset_files import game_mesh
from kiln.formats.gltf_write import EncodedMaterial, Part, Slot, material_maps, write_glb
from kiln.formats.png import encode_png
from kiln.imaging.shrink import MapKind, fitting_size, shrink
from kiln.render.camera import Camera
from kiln.render.ground import Shadow
from kiln.render.studio import Studio

LARGEST_TEXTURE: Final = 2048
"""Pixels on the longer side; what the engine's options allow, if that is less."""

_MAPS: Final[Mapping[Slot, tuple[MapKind, int]]] = {
    "base_color": ("color", 88),
    "emissive": ("color", 88),
    "normal": ("normal", 90),
    "orm": ("data", 84),
}
"""What a map holds, and its JPEG quality, at 4:4:4 since channels of normals and of ORM are no colours. WebP is half as large, but needs an
extension that glTF validators do not know."""


def page_model(handover: Handover) -> bytes:
    """A GLB with a node for the game mesh, for each LOD, then for each hull, whatever stands at the same place; meshes in bind pose."""
    asset, materials = handover.asset, shown_materials(handover)
    meshes = [_shown(mesh) for mesh in (game_mesh(asset), *asset.lods)]
    parts = [Part(name=f"{asset.name}_LOD{level}", mesh=mesh) for level, mesh in enumerate(meshes)]
    parts += [Part(name=f"{asset.name}_hull_{number:02d}", mesh=_plain(hull, len(materials))) for number, hull in enumerate(asset.hulls)]
    encoded = [*_encoded(materials, side=min(handover.options.web_texture_size, LARGEST_TEXTURE))]
    return write_glb(parts, [*encoded, *([EncodedMaterial(material=Material(name="hull"))] if asset.hulls else [])])


def page_scene(asset: Asset, camera: Camera) -> dict[str, object]:
    """What the page's script must know beside the GLB: camera, lamps, the floor's shadow; angles in degrees, lengths in metres."""
    studio = Studio()
    return {
        "levels": 1 + len(asset.lods),
        "camera": {
            "azimuth": camera.azimuth_degrees,
            "elevation": camera.elevation_degrees,
            "target": camera.target,
            "halfHeight": camera.half_height,
            "distance": camera.distance,
        },
        "lamps": np.round(studio.lamps, 6).tolist(),
        "dome": studio.dome.tolist(),
        "shadow": _floor(soft_shadow(game_mesh(asset))),
    }


def _floor(shadow: Shadow) -> dict[str, object]:
    rows, columns = shadow.darkness.shape
    darkness = np.round(255 * np.clip(shadow.darkness, 0, 1)).astype(np.uint8)
    return {
        "png": base64.b64encode(encode_png(darkness)).decode("ascii"),
        "corner": shadow.corner,
        "size": (columns * shadow.cell, rows * shadow.cell),
        "height": shadow.floor,
    }


def _shown(mesh: Mesh) -> Mesh:
    """The mesh with what the page draws; without joints it stands in its bind pose."""
    return replace(mesh, lightmap_uvs=None, importance=None, joints=None, weights=None)


def _plain(hull: Mesh, material: int) -> Mesh:
    """The hull's triangles alone, in a material of their own: the asset's may have textures, and hulls have no UVs."""
    return Mesh(positions=hull.positions, triangles=hull.triangles, material_ids=np.full(hull.triangle_count, material, np.uint32))


def _encoded(materials: tuple[Material, ...], *, side: int) -> list[EncodedMaterial]:
    """The materials with small textures, encoded in threads."""
    wanted = [(slot, pixels) for material in materials for slot, pixels in material_maps(material).items()]
    with ThreadPoolExecutor(settings.threads()) as pool:
        images = pool.map(lambda each: _image(*each, side=side), wanted)
        return [EncodedMaterial(material=m, images={slot: next(images) for slot in material_maps(m)}) for m in materials]


def _image(slot: Slot, pixels: UInt8[np.ndarray, "height width channels"], *, side: int) -> bytes:
    """A JPEG file; PNG where alpha matters, which JPEG has not."""
    kind, quality = _MAPS[slot]
    small = shrink(pixels, fitting_size(pixels.shape, side), kind=kind)
    if small.shape[2] == 4:
        return encode_png(small)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), parameters)
    return encoded.tobytes()
