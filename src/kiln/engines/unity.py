"""Unity, from 2020.3 on: an FBX in metres with LODs, hulls, textures for HDRP and URP alike, and a script that puts it all together.

Unity's FBX importer makes a LODGroup of meshes called `_LOD0`, `_LOD1`, ... (manual: "Importing LOD meshes"), but knows no names for
colliders, and no material but Phong: that is the script's work. Hulls have a file of their own, as they would be drawn in the model's.
Kiln's frame (+Y up, +Z front) needs no turn. Textures are called after HDRP/Lit's slots: BaseColor, Normal, MaskMap, Emission.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kiln.asset import Material
from kiln.engines.fbx_scene import FbxAsset, fbx_asset, fbx_materials, texture_files
from kiln.engines.handover import EngineFiles, Handover
from kiln.engines.skin import STILL_HULLS
from kiln.engines.unity_script import TEXTURE_SLOTS, import_script
from kiln.formats.fbx.frame import UNITY
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.package_layout import hull_name
from kiln.imaging.channels import UNITY_MASK_MAP, pack_channels, surface_maps


def files(handover: Handover) -> EngineFiles:
    """`<asset>.fbx`, its textures, `<asset>_Collision.fbx` where there are hulls, and `Editor/KilnImport_<asset>.cs`.

    ModelError for an asset that an FBX file cannot hold.
    """
    name = handover.asset.name
    fbx = fbx_asset(handover, texture_name=lambda surface, slot: f"{surface}_{TEXTURE_SLOTS[slot]}.png")
    bodies = {hull_name(name, number): body for number, body in enumerate(fbx.bodies)}
    textures = texture_files(handover, fbx.surfaces, remade={"orm": _mask})
    made = {f"{name}.fbx": write_fbx(_scene(name, fbx, textures if handover.options.embed_textures else None)), **textures}
    if hulls := [FbxModel(name=node, mesh=hull, materials=False) for node, (hull, fit) in bodies.items() if fit is None]:
        made[f"{name}_Collision.fbx"] = write_fbx(FbxScene(models=hulls, frame=UNITY))
    fits = {node: fit for node, (_, fit) in bodies.items()}
    made[f"Editor/KilnImport_{name}.cs"] = import_script(name, fbx, fits=fits, switch=handover.switch).encode()
    return EngineFiles(files=made, notes=(*fbx.notes, *_notes(handover, fbx)))


def _mask(material: Material) -> np.ndarray:
    return pack_channels(surface_maps(material), UNITY_MASK_MAP)


def _scene(name: str, fbx: FbxAsset, embedded: Mapping[str, bytes] | None) -> FbxScene:
    levels = {f"{name}_LOD{level}": mesh for level, mesh in enumerate((fbx.mesh, *fbx.lods))} if fbx.lods else {name: fbx.mesh}
    return FbxScene(
        models=[FbxModel(name=called, mesh=mesh) for called, mesh in levels.items()],
        materials=fbx_materials(fbx.surfaces, embedded=embedded),
        skeleton=fbx.skeleton,
        frame=UNITY,
    )


def _notes(handover: Handover, fbx: FbxAsset) -> list[str]:
    notes = []
    if fbx.lods and len(handover.switch) < len(fbx.lods):
        notes.append("when LODs take over was not measured: each does at half the height of the one before")
    if fbx.skeleton is not None and handover.asset.hulls:
        notes.append(STILL_HULLS)
    if fbx.mesh.colors is not None:
        notes.append("Unity's Lit shaders do not show the FBX's vertex colours: bake them with `kiln process`, or use a shader that does")
    return notes
