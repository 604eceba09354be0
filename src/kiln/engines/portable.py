"""Any program that reads glTF 2.0: one plain GLB, byte for byte the neutral package's, without required extensions."""

from __future__ import annotations

from kiln.engines.handover import EngineFiles, Handover
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.package_layout import embedded_materials, model_path


def files(handover: Handover) -> EngineFiles:
    """LOD0 with its textures inside. glTF has no LODs that readers agree on, and no collision."""
    asset = handover.asset
    materials = embedded_materials(asset.name, game_materials(asset), handover.textures)
    return EngineFiles(
        files={model_path(asset.name): write_glb([Part(name=asset.name, mesh=game_mesh(asset))], materials, skeleton=asset.skeleton)}
    )
