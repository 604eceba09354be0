"""Textures of one's own packing, for shaders that want other channels together than Kiln's maps have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kiln.asset import Asset
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.names import safe_name
from kiln.formats.package_layout import texture_path
from kiln.formats.png import encode_pngs
from kiln.imaging.channels import named_maps, pack_channels


def packed_textures(asset: Asset, recipes: Mapping[str, str]) -> dict[str, bytes]:
    """A PNG file for each material and recipe (name -> `imaging.channels` recipe), by path in the package; none for a mesh without UVs.

    RecipeError for a recipe that does not read, or names maps that there are not.
    """
    materials = game_materials(asset) if recipes and game_mesh(asset).uvs is not None else ()
    packed: dict[str, np.ndarray] = {}
    for number, material in enumerate(materials):
        maps = named_maps(material)
        for name, recipe in recipes.items():
            pixels = pack_channels(maps, recipe)
            path = texture_path(asset.name, safe_name(name), material=number, materials=len(materials))
            packed[path] = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return encode_pngs(packed)
