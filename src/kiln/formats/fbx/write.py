"""FBX files, binary 7400 or 7500, as Unreal, Unity and Blender read them, written without Autodesk's SDK: same scene, same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Int32

from kiln.formats.fbx.check import check_scene
from kiln.formats.fbx.file_records import file_records
from kiln.formats.fbx.frame import Frame
from kiln.formats.fbx.material_records import add_materials
from kiln.formats.fbx.mesh_records import control_points, geometry_records
from kiln.formats.fbx.object_records import ROOT, Objects, node_settings, setting, settings70
from kiln.formats.fbx.records import WIDE_VERSION, Record, encode_records
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.skin_records import Limbs, add_bind_pose, add_limbs, add_skin, influences

VERSION: Final = 7400
"""FBX 2014 and 2015: every reader there is takes it."""

_NARROW_LIMIT: Final = 2**31 - 1
"""Bytes that readers of 7400 can count to; some hold its offsets in signed numbers."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Shared:
    """What all models of a file refer to."""

    frame: Frame
    materials: tuple[np.int64, ...]
    limbs: Limbs | None


def write_fbx(scene: FbxScene, *, version: int | None = None) -> bytes:
    """The scene as a file, in the scene's frame.

    `version` is 7400 or 7500; None takes 7400, and 7500 where a file might not fit into 2 GB if nothing in it could be compressed.
    Raises ModelError for meshes and skeletons that FBX cannot hold, ValueError for a scene that contradicts itself.
    """
    if version not in (None, VERSION, WIDE_VERSION):
        raise ValueError(f"FBX is written as {VERSION} or {WIDE_VERSION}, not {version}")
    check_scene(scene)
    objects = _scene_objects(scene)
    chosen = version or (VERSION if objects.plain_size < _NARROW_LIMIT else WIDE_VERSION)
    return encode_records(file_records(objects, frame=scene.frame, version=chosen), version=chosen)


def _scene_objects(scene: FbxScene) -> Objects:
    objects = Objects()
    shared = _Shared(
        frame=scene.frame,
        materials=tuple(add_materials(objects, scene.materials)),
        limbs=None if scene.skeleton is None else add_limbs(objects, scene.skeleton, scene.frame),
    )
    standing = []
    if scene.lod_group is not None:
        group = _add_lod_group(objects, scene.lod_group, levels=len(scene.lods), thresholds=scene.lod_thresholds)
        standing = [group, *(_add_model(objects, lod, group, shared) for lod in scene.lods)]
    standing += [_add_model(objects, model, ROOT, shared) for model in scene.models]
    if shared.limbs is not None:
        add_bind_pose(objects, standing, shared.limbs)
    return objects


def _add_lod_group(objects: Objects, name: str, *, levels: int, thresholds: Sequence[float]) -> np.int64:
    """The node whose children are the levels, and when one gives way to the next: by default at 50, 25, 12.5... percent."""
    percents = thresholds or [100.0 / 2**level for level in range(1, levels)]
    properties = [
        setting("ThresholdsUsedAsPercentage", "bool", 1),
        setting("Thresholds", "Compound"),
        *(setting(f"Thresholds|Level{level}", "Number", float(percent)) for level, percent in enumerate(percents)),
        setting("DisplayLevels", "Compound"),
        *(setting(f"DisplayLevels|Level{level}", "enum", 0) for level in range(levels)),
    ]
    group = _add_node(objects, name, "LodGroup", ROOT)
    objects.connect(objects.add("NodeAttribute", name, "LodGroup", settings70(properties)), group)
    return group


def _add_model(objects: Objects, model: FbxModel, parent: np.int64, shared: _Shared) -> np.int64:
    """A node with its geometry, its materials and, if it has weights, its skin."""
    mesh = model.mesh
    points = control_points(mesh)
    used, slots = _slots(model) if model.materials and shared.materials else ([], None)
    geometry = objects.add("Geometry", model.name, "Mesh", *geometry_records(mesh, points, frame=shared.frame, slots=slots))
    node = _add_node(objects, model.name, "Mesh", parent)
    objects.connect(geometry, node)
    for number in used:
        objects.connect(shared.materials[number], node)
    if mesh.joints is not None and mesh.weights is not None and shared.limbs is not None:
        moved = influences(points, mesh.joints, mesh.weights, count=len(shared.limbs.nodes))
        add_skin(objects, geometry, moved, shared.limbs)
    return node


def _add_node(objects: Objects, name: str, kind: str, parent: np.int64) -> np.int64:
    """A node that stands still: FBX's transforms are identity by default."""
    node = objects.add(
        "Model",
        name,
        kind,
        Record("Version", (232,)),
        settings70(node_settings()),
        Record("Shading", (True,)),
        Record("Culling", ("CullingOff",)),
    )
    objects.connect(node, parent)
    return node


def _slots(model: FbxModel) -> tuple[list[int], Int32[np.ndarray, " triangles"]]:
    """The materials a model uses, ascending, and each triangle's place among them: unused ones would become empty slots in engines."""
    if model.mesh.material_ids is None:
        return [0], np.zeros(model.mesh.triangle_count, np.int32)
    used, slots = np.unique(model.mesh.material_ids, return_inverse=True)
    return used.tolist(), slots.astype(np.int32)
