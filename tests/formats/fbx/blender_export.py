"""Runs inside Blender. Usage: blender_export.py FOLDER. Writes one scene as FBX in many axes and scales: FOLDER/<forward>_<up>_<scale>.fbx.

Blender stands +Z up and looks along -Y. The scene has a parent with shear to come, a mirrored child, an instance, n-gons, a concave
polygon, two UV sets, colours, materials with and without a texture, a posed skeleton, and a collision hull.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

SIDES = 7
ARROW = [(0, 0, 0), (2, 1, 0), (4, 0, 0), (2, 4, 0), (2, 2, 3)]
ARROW_FACES = [(1, 0, 3, 2), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)]
PRISM = [(math.cos(2 * math.pi * i / SIDES), math.sin(2 * math.pi * i / SIDES), z) for z in (0, 1) for i in range(SIDES)]
PRISM_SIDES = [(i, (i + 1) % SIDES, SIDES + (i + 1) % SIDES, SIDES + i) for i in range(SIDES)]
PRISM_FACES = [tuple(range(SIDES))[::-1], tuple(range(SIDES, 2 * SIDES)), *PRISM_SIDES]


def add_object(name, vertices, faces, parent=None):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    added = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(added)
    added.parent = parent
    return added


def paint(mesh):
    first, second = mesh.uv_layers.new(name="UVMap"), mesh.uv_layers.new(name="Lightmap")
    for i, loop in enumerate(mesh.loops):
        x, y, z = mesh.vertices[loop.vertex_index].co
        first.data[i].uv = (x + 0.3 * z, 0.5 * y)
        second.data[i].uv = (i / len(mesh.loops), 0.5)
    colors = mesh.color_attributes.new("Col", "BYTE_COLOR", "CORNER")
    for i, each in enumerate(colors.data):
        each.color_srgb = (i / len(colors.data), 0.5, 0.25, 1)


def add_material(mesh, name, color, metallic, image=None):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = 0.3
    shader.inputs["Metallic"].default_value = metallic
    if image is not None:
        texture = material.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = image
        material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    mesh.materials.append(material)


def picture(path):
    image = bpy.data.images.new("skin", 8, 8)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.pixels = [value for _ in range(64) for value in (0.2, 0.4, 0.6, 1)]
    image.save()
    return image


def add_skinned():
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for height, name in enumerate(("root", "tip")):
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail, bone.parent = (0, 0, height), (0, 0, height + 1), armature.edit_bones.get("root") if height else None
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.location = (-4, 0, 0)
    skinned = add_object("Skinned", PRISM, PRISM_FACES, rig)
    for height, name in enumerate(("root", "tip")):
        skinned.vertex_groups.new(name=name).add([i for i, vertex in enumerate(PRISM) if vertex[2] == height], 1.0, "ADD")
    skinned.modifiers.new("Armature", "ARMATURE").object = rig
    rig.pose.bones["tip"].rotation_mode = "XYZ"
    rig.pose.bones["tip"].rotation_euler = (0.5, 0, 0)


folder = Path(sys.argv[-1])
bpy.ops.wm.read_factory_settings(use_empty=True)
arrow = add_object("Arrow", ARROW, ARROW_FACES)
arrow.location, arrow.rotation_euler, arrow.scale = (1, 2, 3), (0.3, 0.5, 0.7), (1, 2, 0.5)
prism = add_object("Prism", PRISM, PRISM_FACES, arrow)
prism.location, prism.rotation_mode, prism.rotation_euler, prism.scale = (0, 1, 0), "ZXY", (1, 0.2, -0.4), (-1, 1, 1)
twin = bpy.data.objects.new("Twin", prism.data)
bpy.context.scene.collection.objects.link(twin)
twin.location, twin.scale, twin.parent = (5, 0, 0), (0.5, 0.5, 0.5), prism
for mesh in (arrow.data, prism.data):
    paint(mesh)
for number, polygon in enumerate(prism.data.polygons):
    polygon.material_index, polygon.use_smooth = number % 2, number % 3 == 0
add_material(prism.data, "red", (1, 0, 0), 1)
add_material(prism.data, "blue", (0, 0, 1), 0)
add_material(arrow.data, "skin", (1, 1, 1), 0, picture(folder / "skin.png"))
add_skinned()
add_object("UCX_Arrow_00", ARROW, ARROW_FACES[1:])
for forward, up in (("-Z", "Y"), ("Y", "Z"), ("X", "Z"), ("-Y", "Z"), ("Z", "Y"), ("Y", "-X"), ("X", "Y")):
    for scale in ("FBX_SCALE_NONE", "FBX_SCALE_UNITS", "FBX_SCALE_CUSTOM", "FBX_SCALE_ALL"):
        bpy.ops.export_scene.fbx(
            filepath=str(folder / f"{forward}_{up}_{scale}.fbx"),
            axis_forward=forward,
            axis_up=up,
            apply_scale_options=scale,
            path_mode="COPY",
            embed_textures=scale == "FBX_SCALE_ALL",
            use_tspace=True,
        )
