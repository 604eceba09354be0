"""A GLB's meshes, its JSON parsed by pygltflib: what others' readings of the same asset are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib

from engines.readers.corners import CornerMesh

_DTYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read_glb(path: Path) -> dict[str, CornerMesh]:
    """Each node's mesh by the node's name, in the scene's frame. Compressed and quantised files are not for it: decode them first."""
    gltf = pygltflib.GLTF2().load(str(path))
    found: dict[str, CornerMesh] = {}
    pending = [(index, np.eye(4)) for index in gltf.scenes[gltf.scene or 0].nodes]
    while pending:
        index, above = pending.pop()
        node = gltf.nodes[index]
        to_world = above @ _local(node)
        pending += [(child, to_world) for child in node.children or ()]
        if node.mesh is not None:
            found[node.name] = _mesh(gltf, node, np.eye(4) if node.skin is not None else to_world)
    return found


def joint_matrices(path: Path) -> dict[str, np.ndarray]:
    """Each joint's 4 x 4 to the mesh's frame in the bind pose: the inverses of the skin's inverse bind matrices."""
    gltf = pygltflib.GLTF2().load(str(path))
    found = {}
    for skin in gltf.skins:
        inverses = _accessor(gltf, skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
        found |= {gltf.nodes[joint].name: np.linalg.inv(inverse) for joint, inverse in zip(skin.joints, inverses, strict=True)}
    return found


def _local(node: pygltflib.Node) -> np.ndarray:
    if node.matrix:
        return np.array(node.matrix, np.float64).reshape(4, 4).T
    x, y, z, w = node.rotation or (0, 0, 0, 1)
    turn = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(turn) * (node.scale or (1, 1, 1))
    matrix[:3, 3] = node.translation or (0, 0, 0)
    return matrix


def _accessor(gltf: pygltflib.GLTF2, index: int) -> np.ndarray:
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    dtype, width = np.dtype(_DTYPES[accessor.componentType]), _WIDTHS[accessor.type]
    rows = np.ndarray(
        (accessor.count, width),
        dtype,
        gltf.binary_blob(),
        (view.byteOffset or 0) + (accessor.byteOffset or 0),
        (view.byteStride or dtype.itemsize * width, dtype.itemsize),
    )
    if accessor.normalized:
        return np.maximum(rows / np.iinfo(dtype).max, -1.0)
    return rows.astype(np.float64) if dtype.kind == "f" else rows.astype(np.int64)


def _mesh(gltf: pygltflib.GLTF2, node: pygltflib.Node, to_world: np.ndarray) -> CornerMesh:
    joints = [gltf.nodes[joint].name for joint in gltf.skins[node.skin].joints] if node.skin is not None else []
    parts = [_primitive(gltf, primitive, joints) for primitive in gltf.meshes[node.mesh].primitives]
    keys = {key for part in parts for key in part}
    assert all(set(part) == keys or key.startswith("weight ") for part in parts for key in keys), "primitives differ in attributes"
    whole = {key: np.concatenate([part.get(key, np.zeros(len(part["POSITION"]))) for part in parts]) for key in keys}
    normals, tangents, bitangents = _directions(whole, to_world[:3, :3])
    return CornerMesh(
        name=node.name,
        positions=whole["POSITION"] @ to_world[:3, :3].T + to_world[:3, 3],
        normals=normals,
        uvs=tuple(whole[key] for key in ("TEXCOORD_0", "TEXCOORD_1") if key in whole),
        tangents=tangents,
        bitangents=bitangents,
        materials=np.concatenate(
            [
                np.full(len(part["POSITION"]) // 3, -1 if p.material is None else p.material)
                for part, p in zip(parts, gltf.meshes[node.mesh].primitives, strict=True)
            ]
        ),
        weights={key.removeprefix("weight "): value for key, value in whole.items() if key.startswith("weight ")},
    )


def _primitive(gltf: pygltflib.GLTF2, primitive: pygltflib.Primitive, joints: list[str]) -> dict[str, np.ndarray]:
    attributes = {key: index for key, index in vars(primitive.attributes).items() if isinstance(index, int)}
    corners = _accessor(gltf, primitive.indices).ravel()
    found = {key: _accessor(gltf, index)[corners] for key, index in attributes.items()}
    for group in (name.removeprefix("JOINTS_") for name in attributes if name.startswith("JOINTS_")):
        for column in range(4):
            for joint in np.unique(found[f"JOINTS_{group}"][:, column]):
                weight = np.where(found[f"JOINTS_{group}"][:, column] == joint, found[f"WEIGHTS_{group}"][:, column], 0.0)
                found[f"weight {joints[joint]}"] = found.get(f"weight {joints[joint]}", 0.0) + weight
    return found


def _directions(whole: dict[str, np.ndarray], turn: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Normals, tangents, and bitangents as glTF defines them."""
    turn = turn / np.cbrt(np.linalg.det(turn))
    normals = whole["NORMAL"] @ turn.T if "NORMAL" in whole else None
    if "TANGENT" not in whole or normals is None:
        return normals, None, None
    tangents = whole["TANGENT"][:, :3] @ turn.T
    return normals, tangents, np.cross(normals, tangents) * whole["TANGENT"][:, 3:]
