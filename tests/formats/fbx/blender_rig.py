"""Runs inside Blender. Usage: blender_rig.py FOLDER. Writes one posed figure as FBX in many axes and scales, and as FOLDER/figure.glb.

The armature is turned, moved and scaled. It has a root and a tail that move nothing, and bones of every direction; two meshes follow it,
and one hangs rigidly from a bone.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

BONES = {
    "root": ((0, 0, 0), (0, 0.5, 0), None),
    "hip": ((0, 0, 1), (0, 0, 1.5), "root"),
    "spine": ((0, 0, 1.5), (0.2, 0.1, 2), "hip"),
    "hand.L": ((0.2, 0.1, 2), (1, 0, 2.2), "spine"),
    "tail": ((0, 0.2, 1), (0, 0.9, 0.8), "hip"),
}
"""Head, tail and parent, metres, Blender's axes."""

TUBE = [(0.3 * math.cos(0.9 * i), 0.3 * math.sin(0.9 * i), 1 + 0.25 * ring) for ring in range(5) for i in range(7)]
TUBE_FACES = [(r * 7 + i, r * 7 + (i + 1) % 7, (r + 1) * 7 + (i + 1) % 7, (r + 1) * 7 + i) for r in range(4) for i in range(7)]
PYRAMID = [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)]
PYRAMID_FACES = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]


def add_rig():
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail, parent) in BONES.items():
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail, bone.parent = head, tail, armature.edit_bones.get(parent or "")
    armature.edit_bones["spine"].roll = 0.4
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.bones["root"].use_deform = armature.bones["tail"].use_deform = True
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 3), (0.2, 0.1, 0.5), (2, 2, 2)
    return rig


def add_object(name, vertices, faces):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    added = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(added)
    return added


def skin(mesh, rig, bones):
    """Weights fall off with the distance in height."""
    mesh.parent = rig
    for number, name in enumerate(bones):
        group = mesh.vertex_groups.new(name=name)
        for i, vertex in enumerate(mesh.data.vertices):
            if (weight := 1 - abs(vertex.co.z - BONES[name][0][2])) > 0.1 * number:
                group.add([i], weight, "ADD")
    mesh.modifiers.new("Armature", "ARMATURE").object = rig


folder = Path(sys.argv[-1])
bpy.ops.wm.read_factory_settings(use_empty=True)
rig = add_rig()
body = add_object("Body", TUBE, TUBE_FACES)
body.location, body.rotation_euler, body.scale = (0.1, 0, 0), (0, 0, 0.3), (1, 1.5, 1)
skin(body, rig, ("hip", "spine", "hand.L"))
skin(add_object("Cloak", [(x * 1.2, y * 1.2 + 0.1, z) for x, y, z in TUBE], TUBE_FACES), rig, ("spine", "hip"))
hat = add_object("Hat", PYRAMID, PYRAMID_FACES)
hat.parent, hat.parent_type, hat.parent_bone, hat.location = rig, "BONE", "hand.L", (0.1, 0.2, 0.3)
for name, angles in {"hip": (0.3, 0, 0.2), "spine": (0, 0.5, 0), "hand.L": (0.1, -0.7, 0.4)}.items():
    rig.pose.bones[name].rotation_mode, rig.pose.bones[name].rotation_euler = "XYZ", angles
bpy.ops.export_scene.gltf(filepath=str(folder / "figure.glb"), export_animations=False, export_rest_position_armature=True)
for forward, up in (("-Z", "Y"), ("Y", "Z"), ("X", "Z"), ("-Y", "Z"), ("Y", "-X")):
    for scale in ("FBX_SCALE_NONE", "FBX_SCALE_UNITS", "FBX_SCALE_ALL"):
        bpy.ops.export_scene.fbx(
            filepath=str(folder / f"{forward}_{up}_{scale}.fbx"),
            axis_forward=forward,
            axis_up=up,
            apply_scale_options=scale,
            add_leaf_bones=False,
            bake_anim=False,
        )
