"""Blender: GLBs and a script that opens them as one tidy scene.

LOD0 is a file of its own, so that dropping that file into a scene gives the asset and nothing else. LODs and hulls lie in two further files
that the script brings in: blender --python open_<asset>.py. Nothing needs to be said of the shading: the importer takes normal maps as
OpenGL's, and puts occlusion where the exporter finds it again (the group "glTF Material Output"), not into the shading, where Cycles and
EEVEE would darken crevices twice.
"""

from __future__ import annotations

from importlib import resources

from kiln.asset import Material
from kiln.engines.handover import EngineFiles, Handover
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.gltf_write import EncodedMaterial, Part, write_glb
from kiln.formats.package_layout import embedded_materials, hull_parts, model_path, without_maps


def files(handover: Handover) -> EngineFiles:
    """`<asset>.glb`, `<asset>_LODs.glb` and `<asset>_hulls.glb` where there are any, and `open_<asset>.py`."""
    asset, name = handover.asset, handover.asset.name
    materials = game_materials(asset)
    embedded = embedded_materials(name, materials, handover.textures)
    made = {model_path(name): write_glb([Part(name=name, mesh=game_mesh(asset))], embedded, skeleton=asset.skeleton)}
    if asset.lods:
        levels = [Part(name=f"{name}_LOD{level}", mesh=lod) for level, lod in enumerate(asset.lods, start=1)]
        made[f"{name}_LODs.glb"] = write_glb(levels, [_bare(material) for material in materials], skeleton=asset.skeleton)
    if asset.bodies:
        made[f"{name}_hulls.glb"] = write_glb(hull_parts(name, asset.bodies))
    script = resources.files("kiln.engines").joinpath("blender_open.py.txt").read_text(encoding="utf-8")
    return EngineFiles(files={**made, f"open_{name}.py": script.replace("__ASSET__", name).encode()})


def _bare(material: Material) -> EncodedMaterial:
    """The material without its maps: the script puts LOD0's in its place."""
    return EncodedMaterial(material=without_maps(material))
