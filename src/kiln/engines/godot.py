"""Godot 4: one GLB with LOD0 and collision hulls; Godot makes coarser LODs itself when it imports (as 4.6.3 does).

Godot refuses compressed and quantised geometry, so the file is plain. Its StandardMaterial3D takes occlusion from R, roughness from G and
metallic from B of one texture: glTF's ORM as it is.
"""

from __future__ import annotations

from typing import Final

from kiln.engines.handover import EngineFiles, Handover
from kiln.engines.skin import STILL_HULLS
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.package_layout import embedded_materials, hull_name, model_path

_HULL_SUFFIX: Final = "-convcolonly"
"""Turns a node into a StaticBody3D with a ConvexPolygonShape3D and nothing to see (docs: "Node type customization using name suffixes").
There is no suffix for boxes, spheres or capsules on a mesh, so those stay hulls."""


def files(handover: Handover) -> EngineFiles:
    """LOD0 with its textures inside, and a node `<asset>_hull_00-convcolonly` for each hull. Coarser LODs would all be drawn at once."""
    asset = handover.asset
    parts = [Part(name=asset.name, mesh=game_mesh(asset))]
    for number, hull in enumerate(asset.hulls):
        parts.append(Part(name=f"{hull_name(asset.name, number)}{_HULL_SUFFIX}", mesh=hull, materials=False))
    materials = embedded_materials(asset.name, game_materials(asset), handover.textures)
    notes = (STILL_HULLS,) if asset.skeleton is not None and asset.hulls else ()
    return EngineFiles(files={model_path(asset.name): write_glb(parts, materials, skeleton=asset.skeleton)}, notes=notes)
