"""A glTF's nodes: which meshes stand where (glTF 2.0, section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from kiln.asset.rotation import rotation_matrix
from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.gltf_container import Gltf
from kiln.formats.gltf_json import Entry

Matrix = Float64[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """A node of the scene, with its global transform."""

    index: int
    parent: int | None
    world: Matrix
    name: str
    mesh: int | None
    skin: int | None
    extras: Entry


def scene_nodes(gltf: Gltf) -> list[Node]:
    """Every node of the default scene, depth first, so parents come before their children.

    A file without scenes shows every node that is no other's child.
    """
    nodes: dict[int, Node] = {}
    waiting: list[tuple[int, Node | None]] = [(root, None) for root in reversed(_roots(gltf))]
    while waiting:
        index, parent = waiting.pop()
        if index in nodes:
            raise ModelError(f"node {index} is its own ancestor or has two parents: export it again")
        declared = gltf_json.pick(gltf.document, "nodes", index)
        nodes[index] = _node(index, declared, parent)
        waiting += [(child, nodes[index]) for child in reversed(gltf_json.integers(declared, "children"))]
    return list(nodes.values())


def _node(index: int, declared: Entry, parent: Node | None) -> Node:
    mesh = gltf_json.integer(declared, "mesh") if "mesh" in declared else None
    with np.errstate(over="ignore", invalid="ignore"):
        world = _local(declared) if parent is None else parent.world @ _local(declared)
    return Node(
        index=index,
        parent=None if parent is None else parent.index,
        world=world,
        name=gltf_json.text(declared, "name"),
        mesh=mesh,
        skin=gltf_json.integer(declared, "skin") if "skin" in declared and mesh is not None else None,
        extras=gltf_json.entry(declared, "extras") if isinstance(declared.get("extras"), dict) else {},
    )


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
    matrix[:3, :3] = rotation_matrix(np.array(gltf_json.numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0)))) * scale
    matrix[:3, 3] = gltf_json.numbers(node, "translation", (0.0, 0.0, 0.0))
    return matrix
