"""A glTF's nodes: which meshes stand where (glTF 2.0, section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.gltf_container import Gltf
from kiln.formats.gltf_json import Entry

Matrix = Float64[np.ndarray, "4 4"]


def placed_meshes(gltf: Gltf) -> Iterator[tuple[int, Matrix]]:
    """The mesh index and global transform of each node with a mesh, in the default scene's order, depth first.

    A file without scenes shows every node that is no other's child.
    """
    seen: set[int] = set()
    waiting = [(node, np.eye(4)) for node in reversed(_roots(gltf))]
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise ModelError(f"node {index} is its own ancestor or has two parents: export it again")
        seen.add(index)
        node = gltf_json.pick(gltf.document, "nodes", index)
        with np.errstate(over="ignore", invalid="ignore"):
            world = parent @ _local(node)
        if "mesh" in node:
            if "skin" in node:
                gltf.note("skins were left out: the mesh stands in its rest pose")
            yield gltf_json.integer(node, "mesh"), world
        waiting += [(child, world) for child in reversed(gltf_json.integers(node, "children"))]


def _roots(gltf: Gltf) -> list[int]:
    if gltf_json.entries(gltf.document, "scenes"):
        scene = gltf_json.pick(gltf.document, "scenes", gltf_json.integer(gltf.document, "scene", default=0))
        return gltf_json.integers(scene, "nodes")
    nodes = gltf_json.entries(gltf.document, "nodes")
    children = {child for node in nodes for child in gltf_json.integers(node, "children")}
    return [index for index in range(len(nodes)) if index not in children]


def _local(node: Entry) -> Matrix:
    if "matrix" in node:
        columns = gltf_json.numbers(node, "matrix", tuple(np.eye(4).ravel().tolist()))
        return np.array(columns).reshape(4, 4).T
    matrix = np.eye(4)
    scale = np.array(gltf_json.numbers(node, "scale", (1.0, 1.0, 1.0)))
    matrix[:3, :3] = _rotation(np.array(gltf_json.numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0)))) * scale
    matrix[:3, 3] = gltf_json.numbers(node, "translation", (0.0, 0.0, 0.0))
    return matrix


def _rotation(quaternion: Float64[np.ndarray, " 4"]) -> Float64[np.ndarray, "3 3"]:
    """The matrix of a quaternion x, y, z, w; one of length 0 turns nothing."""
    length = np.linalg.norm(quaternion)
    if not length > 0:
        return np.eye(3)
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
