"""The peer's side of the processing benchmark, for a Python that has bpy (GPL, so a process of its own; Kiln never imports it).

usage: blender_task.py SOURCE.ply OUT.glb TRIANGLES SIZE AO_SAMPLES

Decimate, unwrap, bake normal, base colour, roughness and AO from the source, write a GLB. Prints seconds by step as JSON.
"""

import json
import sys
import time

import bpy

source, out = sys.argv[1:3]
triangles, size, ao_samples = (int(word) for word in sys.argv[3:6])
seconds = {}


def timed(name, work):
    start = time.perf_counter()
    result = work()
    seconds[name] = round(time.perf_counter() - start, 2)
    return result


def select(*objects):
    bpy.ops.object.select_all(action="DESELECT")
    for entry in objects:
        entry.select_set(True)
    bpy.context.view_layer.objects.active = objects[-1]


def load():
    bpy.ops.wm.ply_import(filepath=source)
    high = bpy.context.view_layer.objects.active
    bpy.ops.object.shade_smooth()
    return high


def decimate():
    low = high.copy()
    low.data = high.data.copy()
    bpy.context.collection.objects.link(low)
    modifier = low.modifiers.new("decimate", "DECIMATE")
    modifier.ratio = triangles / len(high.data.polygons)
    select(low)
    bpy.ops.object.modifier_apply(modifier="decimate")
    return low


def unwrap():
    select(low)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.003)
    bpy.ops.object.mode_set(mode="OBJECT")


def paint_high():
    material = bpy.data.materials.new("high")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    colour = nodes.new("ShaderNodeVertexColor")
    colour.layer_name = high.data.color_attributes[0].name
    shader = nodes["Principled BSDF"]
    links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    links.new(colour.outputs["Color"], shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = 1
    high.data.materials.clear()
    high.data.materials.append(material)


def bake(kind, samples, is_colour):
    image = bpy.data.images.new(kind, size, size)
    image.colorspace_settings.name = "sRGB" if is_colour else "Non-Color"
    node = low_material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    low_material.node_tree.nodes.active = node
    bpy.context.scene.cycles.samples = samples
    select(high, low)
    bpy.ops.object.bake(type=kind, use_selected_to_active=True, cage_extrusion=0.02, max_ray_distance=0.05, margin=8)
    image.pack()
    return node


def export():
    nodes, links = low_material.node_tree.nodes, low_material.node_tree.links
    shader = nodes["Principled BSDF"]
    links.new(maps["EMIT"].outputs["Color"], shader.inputs["Base Color"])
    links.new(maps["ROUGHNESS"].outputs["Color"], shader.inputs["Roughness"])
    bump = nodes.new("ShaderNodeNormalMap")
    links.new(maps["NORMAL"].outputs["Color"], bump.inputs["Color"])
    links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    select(low)
    bpy.ops.export_scene.gltf(filepath=out, use_selection=True, export_tangents=True, export_yup=False)


bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.device = "CPU"
high = timed("load", load)
paint_high()
low = timed("decimate", decimate)
timed("unwrap", unwrap)
low_material = bpy.data.materials.new("low")
low_material.use_nodes = True
low.data.materials.clear()
low.data.materials.append(low_material)
maps = {
    "NORMAL": timed("normal", lambda: bake("NORMAL", 1, False)),
    "EMIT": timed("base colour", lambda: bake("EMIT", 1, True)),
    "ROUGHNESS": timed("roughness", lambda: bake("ROUGHNESS", 1, False)),
    "AO": timed("AO", lambda: bake("AO", ao_samples, False)),
}
timed("export", export)
print("SECONDS " + json.dumps(seconds))
