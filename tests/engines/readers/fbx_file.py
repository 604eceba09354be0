"""An FBX file as ufbx reads it, turned by the file's own axes and units into metres and glTF's frame."""

from __future__ import annotations

from ctypes import POINTER, addressof, cast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ufbx

from engines.readers import ufbx_native as native
from engines.readers.corners import CornerMesh


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxFile:
    """What is said is said of the file; what stands in a frame stands in glTF's, in metres."""

    version: int
    warnings: tuple[str, ...]
    axes: tuple[str, str, str]
    """Right, up, front: "+X", "+Z", "-Y"."""

    unit_metres: float
    parents: dict[str, str]
    """Each node's parent; "" is the root."""

    matrices: dict[str, np.ndarray]
    """Each node's 4 x 4 to the world."""

    meshes: dict[str, CornerMesh]
    """By the name of their node."""

    lod_groups: dict[str, tuple[tuple[str, ...], tuple[float, ...]]]
    """Children in order, and the thresholds between them."""

    materials: dict[str, dict[str, str]]
    """By material and property, each texture's path as the file has it."""

    embedded: dict[str, bytes]
    """By path."""

    bind_pose: dict[str, np.ndarray]
    """Each posed node's 4 x 4 to the world; empty when the file has no bind pose."""

    geometry_to_joint: dict[str, dict[str, np.ndarray]]
    """By mesh and joint, the cluster's 4 x 4."""

    @property
    def joints(self) -> set[str]:
        """Nodes that move a mesh."""
        return {joint for clusters in self.geometry_to_joint.values() for joint in clusters}


def read_fbx(path: Path) -> FbxFile:
    """The file, or a failed test when ufbx refuses it."""
    with native.opened(path) as scene:
        frame = _frame(scene)
        nodes = scene.nodes
        names = {addressof(node): str(node.name) for node in nodes}
        with_mesh = [node for node in nodes if node.mesh]
        materials, embedded = _materials(path)
        return FbxFile(
            version=scene.version,
            warnings=tuple(str(warned.description) for warned in scene.warnings.structures(native.Warned)),
            axes=tuple(f"{'+-'[axis % 2]}{'XYZ'[axis // 2]}" for axis in scene.axes),  # type: ignore[arg-type]
            unit_metres=scene.unit_metres,
            parents={str(node.name): names.get(node.parent, "") for node in nodes if node.parent},
            matrices={str(node.name): _turned(node.node_to_world.array, frame) for node in nodes if node.parent},
            meshes={str(node.name): _mesh(node, frame) for node in with_mesh},
            lod_groups={str(node.name): _levels(node) for node in nodes if node.attrib and node.attrib.contents.type == 16},
            materials=materials,
            embedded=embedded,
            bind_pose={
                str(bone.bone.contents.name): _turned(bone.bone_to_world.array, frame)
                for pose in scene.poses
                if pose.is_bind_pose
                for bone in pose.bones.structures(native.BonePose)
            },
            geometry_to_joint={str(node.name): _clusters(node.mesh.contents, frame) for node in with_mesh},
        )


def _frame(scene: native.Scene) -> np.ndarray:
    """(4, 4), from the file's units and axes to glTF's: right is +X, up +Y, front +Z."""
    matrix = np.zeros((4, 4))
    for row, axis in enumerate(scene.axes):
        matrix[row, axis // 2] = -1 if axis % 2 else 1
    return np.diag([scene.unit_metres] * 3 + [1]) @ (matrix + np.diag([0, 0, 0, 1]))


def _turned(matrix: np.ndarray, frame: np.ndarray) -> np.ndarray:
    return frame @ matrix @ np.linalg.inv(frame)


def _mesh(node: native.Node, frame: np.ndarray) -> CornerMesh:
    mesh = node.mesh.contents
    assert (mesh.faces.array(np.uint32, 2)[:, 1] == 3).all(), "not all polygons are triangles"
    assert not mesh.generated_normals, "the file has no normals of its own"
    to_world = frame @ node.geometry_to_world.array
    turn = to_world[:3, :3] / np.cbrt(np.linalg.det(to_world[:3, :3]))

    def directions(attribute: native.Attribute) -> np.ndarray | None:
        rows = attribute.by_corner(3)
        return None if rows is None else rows @ turn.T

    positions = mesh.position.by_corner(3)
    assert positions is not None
    return CornerMesh(
        name=str(node.name),
        positions=positions @ to_world[:3, :3].T + to_world[:3, 3],
        normals=directions(mesh.normal),
        uvs=tuple(_uvs(uv_set) for uv_set in mesh.uv_sets.structures(native.UvSet)),
        tangents=directions(mesh.tangent),
        bitangents=directions(mesh.bitangent),
        materials=_face_materials(mesh),
        weights=_weights(mesh),
    )


def _face_materials(mesh: native.Mesh) -> np.ndarray:
    found = mesh.face_material.array(np.uint32).astype(np.int64)
    return found if len(found) else np.zeros(mesh.faces.count, np.int64)


def _uvs(uv_set: native.UvSet) -> np.ndarray:
    found = uv_set.uv.by_corner(2)
    assert found is not None
    return np.stack([found[:, 0], 1 - found[:, 1]], axis=1)


def _weights(mesh: native.Mesh) -> dict[str, np.ndarray]:
    """As ufbx resolves them by vertex, not as single clusters list them."""
    found: dict[str, np.ndarray] = {}
    vertices = mesh.vertex_indices.array(np.uint32)
    for skin in mesh.skin_deformers.elements(native.Skin):
        names = [str(cluster.bone.contents.name) for cluster in skin.clusters.elements(native.Cluster)]
        weights = skin.weights.structures(native.SkinWeight)
        table = np.zeros((skin.vertices.count, len(names)))
        for row, vertex in enumerate(skin.vertices.structures(native.SkinVertex)):
            for weight in weights[vertex.first : vertex.first + vertex.count]:
                table[row, weight.cluster] += weight.weight
        found |= {name: table[vertices, column] for column, name in enumerate(names)}
    return found


def _clusters(mesh: native.Mesh, frame: np.ndarray) -> dict[str, np.ndarray]:
    clusters = [cluster for skin in mesh.skin_deformers.elements(native.Skin) for cluster in skin.clusters.elements(native.Cluster)]
    return {str(cluster.bone.contents.name): _turned(cluster.geometry_to_bone.array, frame) for cluster in clusters}


def _levels(node: native.Node) -> tuple[tuple[str, ...], tuple[float, ...]]:
    group = cast(node.attrib, POINTER(native.LodGroup)).contents
    children = tuple(str(child.name) for child in node.children.elements(native.Node))
    return children, tuple(level.distance for level in group.levels.structures(native.LodLevel))


def _materials(path: Path) -> tuple[dict[str, dict[str, str]], dict[str, bytes]]:
    """Through pyufbx itself, which tells these: textures by property, and the bytes of embedded ones."""
    slots = {"DiffuseColor": "fbx_diffuse_color", "NormalMap": "fbx_normal_map", "EmissiveColor": "fbx_emission_color"}
    scene = ufbx.load_file(str(path))
    try:
        maps = {m.name: {slot: getattr(m, key).texture for slot, key in slots.items()} for m in scene.materials}
        textures = [texture for texture in scene.textures if texture.content]
        paths = {name: {slot: t.relative_filename for slot, t in each.items() if t is not None} for name, each in maps.items()}
        return paths, {texture.relative_filename: bytes(texture.content) for texture in textures}
    finally:
        scene.close()
