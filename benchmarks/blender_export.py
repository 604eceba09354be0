"""The peer's side of the FBX benchmark, for a Python that has bpy (GPL, so a process of its own; Kiln never imports it).

usage: blender_export.py SOURCE.glb OUT.fbx      prints the export's seconds as JSON, with and without tangents
"""

import json
import statistics
import sys
import time

import bpy

REPEATS = 3

source, out = sys.argv[1:3]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_enable(module="io_scene_fbx")
bpy.ops.import_scene.gltf(filepath=source)


def seconds(tangents):
    taken = []
    for _ in range(REPEATS + 1):  # the first warms up
        start = time.perf_counter()
        bpy.ops.export_scene.fbx(filepath=out, use_tspace=tangents)
        taken.append(time.perf_counter() - start)
    return round(statistics.median(taken[1:]), 3)


print("SECONDS " + json.dumps({"with tangents": seconds(True), "without tangents": seconds(False)}))
