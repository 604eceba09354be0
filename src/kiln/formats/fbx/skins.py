"""An FBX scene's skins as one Skeleton, in the pose in which the meshes were bound to it, however the file poses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np
from jaxtyping import Float64

from kiln.asset import Skeleton
from kiln.formats.bound_skeleton import MOST_INFLUENCES, Influences, bound_skeleton, nearest_joints
from kiln.formats.fbx.clusters import bind_poses, is_invertible, mesh_clusters, point_influences
from kiln.formats.fbx.frame import still_roots
from kiln.formats.fbx.nodes import Node, Shown
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.transforms import Matrix, geometric
from kiln.formats.influences import tidy_influences

_LIMBS: Final = ("LimbNode", "Limb", "Root")


class SkinReader:
    """The skins of the meshes that are shown, and the joints that they and meshes which hang from bones follow."""

    def __init__(self, document: Document, nodes: Sequence[Node], shown: Sequence[Shown]) -> None:
        self._clusters = mesh_clusters(document, [each.geometry for each in shown])
        self._poses = bind_poses(document)
        moving = {cluster.bone for clusters in self._clusters.values() for cluster in clusters if cluster.bone is not None}
        limbs = {node.id for node in nodes if _is_limb(document, node.item)}
        joints = _joint_ids(nodes, moving | self._carrying(nodes, shown, limbs), limbs)
        self._joints = [node for node in nodes if node.id in joints]
        self._number = {node.id: number for number, node in enumerate(self._joints)}
        self._nearest = nearest_joints(_above(nodes), self._number)
        self._parents = [self._nearest[node.parent.id] if node.parent else -1 for node in self._joints]
        with np.errstate(over="ignore", invalid="ignore"):
            self._bound, self._way_back = _as_bound(self._joints, self._parents, self._known())
        self._influences: dict[int, Influences] = {}

    def __bool__(self) -> bool:
        """Whether any mesh follows a joint."""
        return bool(self._joints)

    @property
    def is_skinned(self) -> bool:
        """Whether any mesh has a skin."""
        return any(self._clusters.values())

    def mesh_matrix(self, shown: Shown) -> Matrix:
        """Of the mesh to the scene's frame: as it was bound; one that hangs from a bone as that stood then."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._standing(shown) @ geometric(shown.node.item.properties)

    def influences(self, shown: Shown, count: int) -> Influences:
        """What moves each of a mesh's control points. A mesh without a skin follows the nearest joint above it, or else the first one."""
        clusters, key = self._clusters[shown.geometry.id], shown.geometry.id
        if not clusters:
            nearest = np.full((count, 1), max(0, self._nearest[shown.node.id]))
            return tidy_influences(nearest, np.ones((count, 1)), most=MOST_INFLUENCES)
        if key not in self._influences:
            self._influences[key] = point_influences(clusters, self._number, count)
        return self._influences[key]

    def skeleton(self, to_kiln: Float64[np.ndarray, "3 3"]) -> Skeleton:
        """All joints as they were bound, the rig turned as a whole, its own axes with it: `Frame.placed` the other way round.

        A left-handed file's axes are mirrored, too, so that rotations stay rotations.
        """
        turn = to_kiln / np.cbrt(abs(np.linalg.det(to_kiln)))
        own = np.eye(3) if np.linalg.det(turn) > 0 else turn.T
        carried = np.tile(np.eye(4), (len(self._joints), 1, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            bound = np.array(self._bound)
            carried[:, :3, :3] = turn @ bound[:, :3, :3] @ own
            carried[:, :3, 3] = bound[:, :3, 3] @ to_kiln.T
        carried[still_roots(bound, np.array(self._parents))] = np.eye(4)
        return bound_skeleton([node.item.name for node in self._joints], self._parents, carried)

    def _carrying(self, nodes: Sequence[Node], shown: Sequence[Shown], limbs: AbstractSet[int]) -> set[int]:
        """The bones from which meshes without a skin hang."""
        order = [node.id for node in nodes if node.id in limbs]
        nearest = nearest_joints(_above(nodes), {limb: number for number, limb in enumerate(order)})
        rigid = {nearest[each.node.id] for each in shown if not self._clusters[each.geometry.id]}
        return {order[number] for number in rigid if number >= 0}

    def _standing(self, shown: Shown) -> Matrix:
        clusters, node = self._clusters[shown.geometry.id], shown.node
        for cluster in clusters:
            if cluster.mesh_to_bone is None:
                continue
            if cluster.bone is not None:
                return self._bound[self._number[cluster.bone]] @ cluster.mesh_to_bone
            if cluster.bone_to_scene is not None:
                return cluster.bone_to_scene @ cluster.mesh_to_bone
        if clusters:
            return self._poses.get(node.id, node.world)
        nearest = self._nearest[node.id]
        return node.world if nearest < 0 else self._way_back[nearest] @ node.world

    def _known(self) -> dict[int, Matrix]:
        """Where bones stood when meshes were bound, as the file says; of several clusters the first counts."""
        said = (cluster for clusters in self._clusters.values() for cluster in clusters)
        known: dict[int, Matrix] = {}
        for cluster in said:
            if cluster.bone is not None and cluster.bone_to_scene is not None:
                known.setdefault(cluster.bone, cluster.bone_to_scene)
        return self._poses | known


def _above(nodes: Sequence[Node]) -> Iterator[tuple[int, int | None]]:
    """Each node's id and its parent's."""
    return ((node.id, None if node.parent is None else node.parent.id) for node in nodes)


def _is_limb(document: Document, item: FbxObject) -> bool:
    """Whether other programs show it as a bone."""
    return item.subkind in _LIMBS or any(each.subkind in _LIMBS for each in document.children(item, "NodeAttribute"))


def _joint_ids(nodes: Sequence[Node], moving: AbstractSet[int], limbs: AbstractSet[int]) -> set[int]:
    """The nodes that move meshes, bones above and below them, and whatever stands between two of these."""
    leading, found, below = set(moving), set(), set()
    for node in reversed(nodes):
        if node.parent is not None and node.id in leading:
            leading.add(node.parent.id)
    for node in nodes:
        hangs = node.parent is not None and node.parent.id in below
        if node.id in moving or (node.id in limbs and (hangs or node.id in leading)) or (hangs and node.id in leading):
            found.add(node.id)
        if hangs or node.id in found:
            below.add(node.id)
    return found


def _as_bound(joints: Sequence[Node], parents: Sequence[int], known: Mapping[int, Matrix]) -> tuple[list[Matrix], list[Matrix]]:
    """Where joints stood when meshes were bound, and for each what leads there, in the scene's frame, from where it is posed now.

    A joint of which the file does not say it goes with its parent; at the top it stays, as it is its children that poses turn.
    """
    bound: list[Matrix] = []
    ways: list[Matrix] = []
    for node, parent in zip(joints, parents, strict=True):
        inherited = ways[parent] if parent >= 0 else np.eye(4)
        bound.append(known.get(node.id, inherited @ node.world))
        ways.append(bound[-1] @ np.linalg.inv(node.world) if is_invertible(node.world) else inherited)
    return bound, ways
