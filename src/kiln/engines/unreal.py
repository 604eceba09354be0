"""Unreal: an FBX in centimetres with LODs and collision, DirectX normals, ORM, and a script for the editor that puts it all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from kiln.asset import Material, Mesh, Primitive
from kiln.engines.collision_shapes import shape_mesh
from kiln.engines.fbx_scene import FbxAsset, Surface, fbx_asset, fbx_materials, texture_files
from kiln.engines.handover import EngineFiles, EngineOptions, Handover
from kiln.engines.unreal_script import import_script, readme
from kiln.formats.fbx.frame import UNREAL, UNREAL_FORWARD_X, Frame
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.gltf_write import Slot
from kiln.geometry.switch import SwitchSizes
from kiln.imaging.channels import flip_green

_SUFFIX: Final[Mapping[Slot, str]] = {"base_color": "BC", "normal": "N", "orm": "ORM", "emissive": "E"}

_COLLISION_PREFIX: Final = {"box": "UBX", "sphere": "USP", "capsule": "UCP"}

_MOST_LODS: Final = 8
"""MAX_STATIC_MESH_LODS, LOD0 included."""

_LOD_STEP: Final = 0.9
"""A LOD's screen size is this share of the finer one's at most: of two that are equal, the finer one would never show."""


def files(handover: Handover) -> EngineFiles:
    """The FBX, its textures, the editor's script and a page for people; by path.

    Raises ModelError for an asset that no engine could show.
    """
    ready = fbx_asset(handover, texture_name=lambda name, slot: f"T_{name}_{_SUFFIX[slot]}.png", still_root=True)
    lods = () if handover.options.nanite else ready.lods[: _MOST_LODS - 1]
    name, mesh_name = handover.asset.name, f"{'SM' if ready.skeleton is None else 'SK'}_{handover.asset.name}"
    textures = texture_files(handover, ready.surfaces, remade={"normal": _directx_normal})
    shapes = [] if ready.skeleton is not None else _shapes(ready, f"{mesh_name}_LOD0" if lods else mesh_name)
    scene = FbxScene(
        models=[*([] if lods else [FbxModel(name=mesh_name, mesh=ready.mesh)]), *shapes],
        lod_group=mesh_name if lods else None,
        lods=[FbxModel(name=f"{mesh_name}_LOD{level}", mesh=mesh) for level, mesh in enumerate((ready.mesh, *lods))] if lods else (),
        materials=fbx_materials(ready.surfaces, prefix="M_", embedded=textures if handover.options.embed_textures else None),
        skeleton=ready.skeleton,
        frame=_frame(handover.options),
    )
    values = _script_values(handover, ready, mesh_name=mesh_name, lods=lods, shapes=len(shapes))
    made = {
        f"{mesh_name}.fbx": write_fbx(scene),
        **textures,
        f"import_{name}.py": import_script(values).encode(),
        "README.txt": readme(values).encode(),
    }
    return EngineFiles(files=made, notes=(*ready.notes, *_notes(handover, ready, lods)))


def _frame(options: EngineOptions) -> Frame:
    return UNREAL_FORWARD_X if options.forward == "x" else UNREAL


def _directx_normal(material: Material) -> np.ndarray:
    assert material.normal is not None  # noqa: S101 - for the type checker: there is a map to remake
    return flip_green(material.normal)


def _shapes(ready: FbxAsset, render_node: str) -> list[FbxModel]:
    """The collision's nodes, named after the node of the mesh that they belong to: of several LODs, LOD0."""
    return [_shape(f"{render_node}_{number:02d}", hull, fit) for number, (hull, fit) in enumerate(ready.bodies)]


def _shape(name: str, hull: Mesh, fit: Primitive | None) -> FbxModel:
    """A box, sphere or capsule where the hull is one: physics is faster with them, and what is round rolls."""
    if fit is None:
        return FbxModel(name=f"UCX_{name}", mesh=hull, materials=False)
    return FbxModel(name=f"{_COLLISION_PREFIX[fit.kind]}_{name}", mesh=shape_mesh(fit), materials=False)


def _notes(handover: Handover, ready: FbxAsset, lods: Sequence[Mesh]) -> list[str]:
    """What was done otherwise than the asset has it."""
    notes = []
    if handover.options.nanite and ready.lods:
        notes.append(f"{len(ready.lods)} LODs are left out: Nanite makes its own detail")
    elif len(ready.lods) > len(lods):
        notes.append(f"{len(ready.lods) - len(lods)} LODs are left out: Unreal takes {_MOST_LODS} levels")
    if ready.skeleton is not None and handover.asset.hulls:
        notes.append(
            f"{len(handover.asset.hulls)} collision hulls are left out: a skeletal mesh collides by its physics asset, made on import"
        )
    return notes


def _script_values(handover: Handover, ready: FbxAsset, *, mesh_name: str, lods: Sequence[Mesh], shapes: int) -> dict[str, Any]:
    """What the script in the editor has to know; plain values, in the order in which people may want to read them."""
    low, high = ready.mesh.bounds
    size = np.abs(_frame(handover.options).rotation @ (high - low)) * UNREAL.units_per_metre
    used = {0} if ready.mesh.material_ids is None else set(np.unique(ready.mesh.material_ids).tolist())
    return {
        "name": handover.asset.name,
        "folder": f"/Game/Kiln/{handover.asset.name}",
        "mesh": mesh_name,
        "skeletal": ready.skeleton is not None,
        "size_cm": [round(float(side), 3) for side in size],
        "lods": len(lods) + 1,
        "screen_sizes": screen_sizes(handover.switch, len(lods)),
        "collision": shapes,
        "nanite": handover.options.nanite,
        "tangents": ready.mesh.tangents is not None,
        "lightmap_uvs": ready.mesh.uvs is not None and ready.mesh.lightmap_uvs is not None,
        "slots": len(used),
        "textures": {path.removesuffix(".png"): _SUFFIX[slot] for surface in ready.surfaces for slot, path in surface.textures.items()},
        "materials": [_surface(surface, vertex_colors=ready.mesh.colors is not None) for surface in ready.surfaces],
    }


def screen_sizes(switch: Sequence[SwitchSizes], lods: int) -> list[float]:
    """From LOD0 on, falling; empty where they were not measured, so that Unreal finds its own."""
    if lods == 0 or len(switch) < lods:
        return []
    sizes = [max(1.0, switch[0].unreal_screen_size / _LOD_STEP)]
    for found in switch[:lods]:
        sizes.append(min(found.unreal_screen_size, sizes[-1] * _LOD_STEP))
    return [round(size, 4) for size in sizes]


def _surface(surface: Surface, *, vertex_colors: bool) -> dict[str, Any]:
    """A material instance: its maps and parameters."""
    material = surface.material
    *tint, opacity = (round(float(factor), 6) for factor in material.base_color_factor)
    scalars = {
        "RoughnessFactor": round(float(material.roughness_factor), 6),
        "MetallicFactor": round(float(material.metallic_factor), 6),
        "UseVertexColor": float(vertex_colors),
    }
    return {
        "slot": f"M_{surface.name}",
        "instance": f"MI_{surface.name}",
        "blend": material.alpha_mode,
        "two_sided": material.double_sided,
        "textures": {_SUFFIX[slot]: path.removesuffix(".png") for slot, path in surface.textures.items()},
        "scalars": scalars if material.alpha_mode == "OPAQUE" else scalars | {"Opacity": opacity},
        "colors": {"BaseColorTint": tint, "EmissiveTint": [round(float(factor), 6) for factor in material.emissive_factor]},
    }
