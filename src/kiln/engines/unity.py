"""Unity, from 2020.3 on: an FBX in metres with LODs, hulls, textures for HDRP and URP alike, and a script that puts it all together.

Unity's FBX importer makes a LODGroup of meshes called `_LOD0`, `_LOD1`, ... (manual: "Importing LOD meshes"), but knows no names for
colliders, and no material but Phong: that is the script's work. Hulls have a file of their own, as they would be drawn in the model's.
Kiln's frame (+Y up, +Z front) needs no turn. Textures are called after HDRP/Lit's slots: BaseColor, Normal, MaskMap, Emission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kiln.asset import Asset, Material
from kiln.engines.fbx_scene import FbxAsset, fbx_asset, fbx_textures, neutral_png
from kiln.engines.handover import EngineFiles, Handover
from kiln.engines.skin import STILL_HULLS
from kiln.engines.unity_script import TEXTURE_SLOTS, Body, Surface, import_script
from kiln.formats.fbx.frame import UNITY
from kiln.formats.fbx.scene import FbxMaterial, FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.gltf_write import material_maps
from kiln.formats.package_layout import hull_parts
from kiln.formats.png import encode_pngs
from kiln.imaging.channels import UNITY_MASK_MAP, pack_channels, surface_maps


def files(handover: Handover) -> EngineFiles:
    """`<asset>.fbx`, its textures, `<asset>_Collision.fbx` where there are hulls, and `Editor/KilnImport_<asset>.cs`.

    ModelError for an asset that an FBX file cannot hold.
    """
    name, fbx = handover.asset.name, fbx_asset(handover)
    bodies = _bodies(handover.asset)
    surfaces = [_surface(called, material) for called, material in zip(fbx.material_names, fbx.materials, strict=True)]
    textures = _textures(handover, surfaces)
    embedded = textures if handover.options.embed_textures else None
    made = {f"{name}.fbx": write_fbx(_scene(name, fbx, surfaces, embedded)), **textures}
    if hulls := [FbxModel(name=body.name, mesh=body.hull, materials=False) for body in bodies if body.fit is None]:
        made[f"{name}_Collision.fbx"] = write_fbx(FbxScene(models=hulls, frame=UNITY))
    made[f"Editor/KilnImport_{name}.cs"] = import_script(name, fbx, surfaces=surfaces, bodies=bodies, switch=handover.switch).encode()
    return EngineFiles(files=made, notes=(*fbx.notes, *_notes(handover, fbx)))


def _bodies(asset: Asset) -> list[Body]:
    fits = (*asset.fits, *[None] * (len(asset.hulls) - len(asset.fits)))
    parts = hull_parts(asset.name, asset.hulls, ())
    return [Body(name=part.name, hull=part.mesh, fit=fit) for part, fit in zip(parts, fits, strict=True)]


def _surface(name: str, material: Material) -> Surface:
    return Surface(name=name, material=material, textures={slot: f"{name}_{TEXTURE_SLOTS[slot]}.png" for slot in material_maps(material)})


def _textures(handover: Handover, surfaces: Sequence[Surface]) -> dict[str, bytes]:
    """The PNG files by path: masks packed anew, the others as they lie in the neutral package."""
    copied = {
        path: neutral_png(handover, number, slot)
        for number, surface in enumerate(surfaces)
        for slot, path in surface.textures.items()
        if slot != "orm"
    }
    masks = {
        surface.textures["orm"]: pack_channels(surface_maps(surface.material), UNITY_MASK_MAP)
        for surface in surfaces
        if "orm" in surface.textures
    }
    return copied | encode_pngs(masks)


def _scene(name: str, fbx: FbxAsset, surfaces: Sequence[Surface], embedded: Mapping[str, bytes] | None) -> FbxScene:
    levels = {f"{name}_LOD{level}": mesh for level, mesh in enumerate((fbx.mesh, *fbx.lods))} if fbx.lods else {name: fbx.mesh}
    return FbxScene(
        models=[FbxModel(name=called, mesh=mesh) for called, mesh in levels.items()],
        materials=[
            FbxMaterial(
                name=surface.name,
                material=surface.material,
                textures=fbx_textures(surface.material, surface.textures, embedded=embedded),
            )
            for surface in surfaces
        ],
        skeleton=fbx.skeleton,
        frame=UNITY,
    )


def _notes(handover: Handover, fbx: FbxAsset) -> list[str]:
    notes = []
    if fbx.lods and len(handover.switch) < len(fbx.lods):
        notes.append("when LODs take over was not measured: each does at half the height of the one before")
    if fbx.skeleton is not None and handover.asset.hulls:
        notes.append(STILL_HULLS)
    return notes
