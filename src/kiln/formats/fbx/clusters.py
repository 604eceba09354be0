"""An FBX mesh's clusters: which control points each bone moves and how much, and where mesh and bone stood when they were bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64

from kiln.errors import ModelError
from kiln.formats.bound_skeleton import MOST_INFLUENCES, Influences
from kiln.formats.fbx.objects import Document, FbxObject
from kiln.formats.fbx.properties import first, floats, integers
from kiln.formats.fbx.records import Record
from kiln.formats.fbx.transforms import Matrix
from kiln.formats.influences import tidy_influences

_MAX_CLUSTERS: Final = 200_000
"""Of all meshes together, each as often as a mesh has it; a crowd of 100 characters with 300 bones and 4 meshes each has 120,000."""

_MAX_WEIGHTS: Final = 40_000_000
"""Likewise; each takes 60 bytes while they are sorted. Two million vertices that follow eight bones each have 16,000,000."""

_FLAT: Final = 1e-30
"""Determinant below which a matrix has no inverse worth the name."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """What one bone does to one mesh."""

    bone: int | None
    """The id of its node."""

    mesh_to_bone: Matrix | None
    """As they were bound; None where the file does not say, as is the next."""

    bone_to_scene: Matrix | None
    points: Int64[np.ndarray, " points"]
    weights: Float64[np.ndarray, " weights"]
    """As many, in a sound file; that is not looked at before they are used."""


def mesh_clusters(document: Document, geometries: Sequence[FbxObject]) -> dict[int, list[Cluster]]:
    """The clusters of each geometry, by its id. ModelError when there are more than can be worked on."""
    found: dict[int, list[Cluster]] = {}
    clusters = weights = 0
    for geometry in geometries:
        if geometry.id in found:
            continue
        own = [c for skin in document.children(geometry, "Deformer", "Skin") for c in document.children(skin, "Deformer", "Cluster")]
        clusters += len(own)
        if clusters > _MAX_CLUSTERS:
            raise ModelError(f"its skins have more than {_MAX_CLUSTERS:,} clusters: export one character alone")
        found[geometry.id] = [_cluster(document, item) for item in own]
        weights += sum(len(cluster.points) for cluster in found[geometry.id])
        if weights > _MAX_WEIGHTS:
            raise ModelError(
                f"its skins have more than {_MAX_WEIGHTS:,} weights: export one character alone, or limit the bones of a vertex"
            )
    return found


def bind_poses(document: Document) -> dict[int, Matrix]:
    """Where nodes stood when meshes were bound, by their ids, as far as bind poses say; of several the first counts."""
    found: dict[int, Matrix] = {}
    for pose in document.of_kind("Pose"):
        for entry in pose.record.children if pose.subkind == "BindPose" else ():
            node = first(entry, "Node").properties
            matrix = matrix_of(entry, "Matrix") if node and isinstance(node[0], int | np.integer) else None
            if matrix is not None:
                found.setdefault(int(node[0]), matrix)
    return found


def matrix_of(record: Record, name: str) -> Matrix | None:
    """A matrix for column vectors that has an inverse; None where there is none. ModelError where it holds what is no number."""
    columns = floats(record, name)
    if len(columns) != 16:
        return None
    if not np.isfinite(columns).all():
        raise ModelError(f"a skin's {name} holds numbers that are not finite: the file is damaged; export it again")
    matrix = columns.reshape(4, 4).T
    return matrix if is_invertible(matrix) else None


def is_invertible(matrix: Matrix) -> bool:
    """Whether it is finite, and neither flattens space nor blows it up beyond measure."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(_FLAT < abs(np.linalg.det(matrix[:3, :3])) < 1 / _FLAT and np.isfinite(matrix).all())


def point_influences(clusters: Sequence[Cluster], joints: Mapping[int, int], count: int) -> Influences:
    """The joints that move each of `count` control points; `joints` says their numbers. What no cluster moves follows the first joint.

    ModelError for clusters that contradict themselves or the mesh.
    """
    used = [cluster for cluster in clusters if cluster.bone is not None]
    for cluster in used:
        _check(cluster, count)
    point = np.concatenate([np.zeros(0, np.int64), *(cluster.points for cluster in used)])
    weight = np.concatenate([np.zeros(0), *(cluster.weights for cluster in used)])
    number = np.repeat([joints[cluster.bone] for cluster in used if cluster.bone is not None], [len(cluster.points) for cluster in used])
    moved = weight > 0
    keys, sum_of = np.unique(point[moved] * (len(joints) + 1) + number[moved].astype(np.int64), return_inverse=True)
    return _heaviest(*np.divmod(keys, len(joints) + 1), np.bincount(sum_of, weight[moved], minlength=len(keys)), count)


def _heaviest(point: Int64[np.ndarray, " n"], joint: Int64[np.ndarray, " n"], weight: Float64[np.ndarray, " n"], count: int) -> Influences:
    """The weights, given in the order of their points, as a table with a row a point."""
    order = np.lexsort((-weight, point))
    place = np.arange(len(order)) - np.searchsorted(point, point)  # how many at the same point are heavier
    kept, columns = order[place < MOST_INFLUENCES], place[place < MOST_INFLUENCES]
    joints, weights = np.zeros((count, MOST_INFLUENCES), np.int64), np.zeros((count, MOST_INFLUENCES))
    joints[point[kept], columns], weights[point[kept], columns] = joint[kept], weight[kept]
    return tidy_influences(joints, weights, most=MOST_INFLUENCES)


def _cluster(document: Document, item: FbxObject) -> Cluster:
    bone = next(iter(document.children(item, "Model")), None)
    return Cluster(
        bone=None if bone is None else bone.id,
        mesh_to_bone=matrix_of(item.record, "Transform"),
        bone_to_scene=matrix_of(item.record, "TransformLink"),
        points=integers(item.record, "Indexes"),
        weights=floats(item.record, "Weights"),
    )


def _check(cluster: Cluster, count: int) -> None:
    if len(cluster.points) != len(cluster.weights):
        raise ModelError(f"a skin has {len(cluster.weights):,} weights for {len(cluster.points):,} points: the file is damaged")
    if len(cluster.points) and not 0 <= cluster.points.min() <= cluster.points.max() < count:
        raise ModelError(f"a skin's weights are for points that its mesh, which has {count:,}, does not have: the file is damaged")
    if not np.isfinite(cluster.weights).all():
        raise ModelError("a skin has weights that are no numbers: normalise them where the file comes from, and export it again")
