"""Imports a file into Blender and writes down what came: for a Python that has bpy (GPL, so a process of its own).

usage: blender_dump.py MODEL OUT.npz [scene_fbx | wm_fbx | gltf]      by default the file name's own; wm_fbx is the newer importer of FBX
Writes OUT.json (objects, materials) and OUT.npz (arrays by "object|what").
"""

import json
import sys
from pathlib import Path

import bpy
import numpy as np

model, out = sys.argv[1:3]
operator = sys.argv[3] if len(sys.argv) > 3 else {".fbx": "scene_fbx", ".glb": "gltf"}[Path(model).suffix]
bpy.ops.wm.read_factory_settings(use_empty=True)
if operator == "scene_fbx":
    bpy.ops.preferences.addon_enable(module="io_scene_fbx")
    bpy.ops.import_scene.fbx(filepath=model)
elif operator == "wm_fbx":
    bpy.ops.wm.fbx_import(filepath=model)
else:
    bpy.ops.import_scene.gltf(filepath=model, merge_vertices=False)

arrays, objects = {}, {}
for thing in bpy.data.objects:
    objects[thing.name] = {
        "type": thing.type,
        "parent": thing.parent.name if thing.parent else "",
        "dimensions": list(thing.dimensions),
        "materials": [slot.material.name if slot.material else "" for slot in thing.material_slots],
        "groups": [group.name for group in thing.vertex_groups],
        "bones": {bone.name: bone.parent.name if bone.parent else "" for bone in thing.data.bones} if thing.type == "ARMATURE" else {},
    }
    if thing.type == "ARMATURE":
        for bone in thing.data.bones:
            arrays[f"{thing.name}|bone {bone.name}"] = np.array(thing.matrix_world @ bone.head_local)
    if thing.type != "MESH":
        continue
    mesh, world = thing.data, np.array(thing.matrix_world)
    turn = world[:3, :3] / np.cbrt(np.linalg.det(world[:3, :3]))
    corners = np.zeros(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    positions = np.zeros(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", positions)
    normals = np.zeros(len(mesh.loops) * 3, np.float32)
    mesh.corner_normals.foreach_get("vector", normals)
    slots = np.zeros(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    arrays[f"{thing.name}|positions"] = positions.reshape(-1, 3)[corners] @ world[:3, :3].T + world[:3, 3]
    arrays[f"{thing.name}|normals"] = normals.reshape(-1, 3) @ turn.T
    arrays[f"{thing.name}|materials"] = slots
    for number, layer in enumerate(mesh.uv_layers):
        uvs = np.zeros(len(mesh.loops) * 2, np.float32)
        layer.uv.foreach_get("vector", uvs)
        arrays[f"{thing.name}|uv{number}"] = uvs.reshape(-1, 2)
    weights = np.zeros((len(mesh.vertices), len(thing.vertex_groups)), np.float32)
    for vertex in mesh.vertices:
        for group in vertex.groups:
            weights[vertex.index, group.group] = group.weight
    for group in thing.vertex_groups:
        arrays[f"{thing.name}|weight {group.name}"] = weights[corners, group.index]

materials = {}
for material in bpy.data.materials:
    if material.node_tree is None:
        continue
    shader = next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    pictures = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
    materials[material.name] = {
        "linked": [] if shader is None else sorted(socket.name for socket in shader.inputs if socket.is_linked),
        "pictures": {picture.name: [picture.colorspace_settings.name, *picture.size] for picture in pictures},
    }
np.savez(out, **arrays)
Path(out).with_suffix(".json").write_text(json.dumps({"objects": objects, "materials": materials}))
