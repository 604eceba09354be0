"""Renders an asset from the front, lit from above and from the viewer's left: for a Python that has bpy (GPL, so a process of its own).

usage: blender_bump.py MODEL OUT_PREFIX keep|flip      flip: the normal map's green is inverted by a node, as for a DirectX map
Writes OUT_PREFIX_above.png and OUT_PREFIX_left.png.
"""

import sys
from math import radians
from pathlib import Path

import bpy
from mathutils import Vector

PIXELS, SAMPLES = 256, 16

model, prefix, green = sys.argv[1:4]
bpy.ops.wm.read_factory_settings(use_empty=True)
if Path(model).suffix == ".fbx":
    bpy.ops.preferences.addon_enable(module="io_scene_fbx")
    bpy.ops.import_scene.fbx(filepath=model)
else:
    bpy.ops.import_scene.gltf(filepath=model)


def flip_green(tree):
    """Put 1 - green between the picture and the normal map's node."""
    bump = next(node for node in tree.nodes if node.type == "NORMAL_MAP")
    source = bump.inputs["Color"].links[0].from_socket
    apart, together, invert = (tree.nodes.new(kind) for kind in ("ShaderNodeSeparateColor", "ShaderNodeCombineColor", "ShaderNodeMath"))
    invert.operation = "SUBTRACT"
    invert.inputs[0].default_value = 1
    tree.links.new(source, apart.inputs[0])
    tree.links.new(apart.outputs[1], invert.inputs[1])
    for index, socket in enumerate((apart.outputs[0], invert.outputs[0], apart.outputs[2])):
        tree.links.new(socket, together.inputs[index])
    tree.links.new(together.outputs[0], bump.inputs["Color"])


if green == "flip":
    for material in bpy.data.materials:
        if material.node_tree and any(node.type == "NORMAL_MAP" for node in material.node_tree.nodes):
            flip_green(material.node_tree)

scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.device = "CPU"
scene.cycles.samples = SAMPLES
scene.render.resolution_x = scene.render.resolution_y = PIXELS
scene.view_settings.view_transform = "Standard"
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
camera.data.type, camera.data.ortho_scale = "ORTHO", 1.1
camera.location, camera.rotation_euler = (0, -5, 0), (radians(90), 0, 0)  # glTF's +Z, the front, is Blender's -Y
lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "SUN"))
lamp.data.energy = 3
for thing in (camera, lamp):
    scene.collection.objects.link(thing)
scene.camera = camera
for name, shines_to in {"above": (0, 1, -1), "left": (1, 1, 0)}.items():
    lamp.rotation_euler = Vector(shines_to).to_track_quat("-Z", "Y").to_euler()
    scene.render.filepath = f"{prefix}_{name}.png"
    bpy.ops.render.render(write_still=True)
