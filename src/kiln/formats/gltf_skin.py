"""A glTF's skins as one Skeleton, in the pose in which the meshes were bound to it (glTF 2.0, section 3.7.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from kiln.asset import Skeleton
from kiln.errors import ModelError
from kiln.formats import gltf_json
from kiln.formats.bound_skeleton import MOST_INFLUENCES, MOST_JOINTS, Influences, bound_skeleton, nearest_joints
from kiln.formats.gltf_accessor import accessor_count, read_floats
from kiln.formats.gltf_container import Gltf
from kiln.formats.gltf_json import Entry
from kiln.formats.gltf_scene import Matrix, Node
from kiln.formats.influences import tidy_influences

_SETS = MOST_INFLUENCES // 4
"""JOINTS_0 and JOINTS_1 are read."""


class SkinReader:
    """The skins of the nodes in a scene. Their joints become one list, in the scene's order, so that parents come first."""

    def __init__(self, gltf: Gltf, nodes: Sequence[Node]) -> None:
        self._gltf = gltf
        self._nodes = {node.index: node for node in nodes}
        self._joints = {skin: self._joints_of(skin) for skin in sorted({node.skin for node in nodes if node.skin is not None})}
        used = {joint for joints in self._joints.values() for joint in joints}
        self._order = {node.index: at for at, node in enumerate(node for node in nodes if node.index in used)}
        self._nearest = nearest_joints(((node.index, node.parent) for node in nodes), self._order)
        self._bound = {skin: self._bound_matrices(skin) for skin in self._joints}

    def __bool__(self) -> bool:
        """Whether any node is skinned."""
        return bool(self._joints)

    def placement(self, skin: int) -> Matrix:
        """Where a skin puts a mesh that is still as it was bound: a skinned node's own transform counts for nothing.

        By the skin's first joint; in a file that shows its bind pose they all agree.
        """
        first = self._joints[skin][0]
        with np.errstate(over="ignore", invalid="ignore"):
            return self._nodes[first].world @ np.linalg.inv(self._bound[skin][0])

    def influences(self, node: Node, attributes: Entry, count: int) -> Influences:
        """Joints of the one list, and weights. A mesh without a skin follows the nearest joint above it, or else the first one."""
        if node.skin is None:
            nearest = np.full((count, 1), max(0, self._nearest[node.index]))
            return tidy_influences(nearest, np.ones((count, 1)), most=MOST_INFLUENCES)
        own = np.array([self._order[joint] for joint in self._joints[node.skin]])
        read = [self._set(attributes, number, count) for number in range(_SETS) if f"JOINTS_{number}" in attributes]
        if not read:
            raise ModelError("a skinned mesh has no JOINTS_0: the file is damaged")
        joints, weights = (np.concatenate(arrays, axis=1) for arrays in zip(*read, strict=True))
        if joints.max(initial=0) >= len(own):
            raise ModelError(f"a vertex refers to joint {int(joints.max())} of a skin with {len(own)}: the file is damaged")
        return tidy_influences(own[joints], weights, most=MOST_INFLUENCES)

    def skeleton(self) -> Skeleton:
        """All joints as they were bound, in the scene's frame."""
        bound: dict[int, Matrix] = {}
        for skin, joints in self._joints.items():
            for joint, matrix in zip(joints, self.placement(skin) @ self._bound[skin], strict=True):
                bound.setdefault(joint, matrix)
        above = (self._nodes[index].parent for index in self._order)
        parents = [-1 if parent is None else self._nearest[parent] for parent in above]
        return bound_skeleton(
            [self._nodes[index].name for index in self._order], parents, np.array([bound[index] for index in self._order])
        )

    def _joints_of(self, skin: int) -> list[int]:
        declared = gltf_json.pick(self._gltf.document, "skins", skin)
        joints = gltf_json.integers(declared, "joints")
        if not 0 < len(joints) <= MOST_JOINTS or len(set(joints)) < len(joints) or not set(joints) <= set(self._nodes):
            raise ModelError(f"skin {skin} has no joints, too many, or some that are not in the scene: export it again")
        return joints

    def _bound_matrices(self, skin: int) -> Float64[np.ndarray, "joints 4 4"]:
        """Each joint's matrix when the mesh was bound, in the mesh's frame."""
        declared, count = gltf_json.pick(self._gltf.document, "skins", skin), len(self._joints[skin])
        if "inverseBindMatrices" not in declared:
            return np.tile(np.eye(4), (count, 1, 1))
        at = gltf_json.integer(declared, "inverseBindMatrices")
        if accessor_count(self._gltf, at) < count:
            raise ModelError(f"skin {skin} has fewer bind matrices than joints: the file is damaged")
        inverse = read_floats(self._gltf, at, widths=(16,))[:count].astype(np.float64).reshape(-1, 4, 4).transpose(0, 2, 1)
        if not np.isfinite(inverse).all() or not (np.abs(np.linalg.det(inverse)) > 1e-30).all():
            raise ModelError(f"a bind matrix of skin {skin} cannot be inverted: export it again")
        return np.linalg.inv(inverse)

    def _set(self, attributes: Entry, number: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for key in (f"JOINTS_{number}", f"WEIGHTS_{number}"):
            at = gltf_json.integer(attributes, key)
            if accessor_count(self._gltf, at) != count:
                raise ModelError(f"{key} has {accessor_count(self._gltf, at):,} elements for {count:,} vertices: the file is damaged")
            found.append(read_floats(self._gltf, at, widths=(4,)))
        return np.clip(found[0], 0, MOST_JOINTS).astype(np.int64), found[1]
