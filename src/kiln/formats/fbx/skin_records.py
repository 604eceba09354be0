"""Skeletons and skins in FBX: limb nodes, a cluster for each joint, and the pose in which meshes were bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, UInt16

from kiln.asset import Skeleton
from kiln.errors import ModelError
from kiln.formats.fbx.frame import Frame
from kiln.formats.fbx.mesh_records import ControlPoints
from kiln.formats.fbx.object_records import ROOT, Objects, node_settings, setting, settings70
from kiln.formats.fbx.records import Record

_MATRIX_TOLERANCE = 1e-6
"""How far translation, rotation and scale may miss a joint's matrix, relative to its scale."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Limbs:
    """The joints of a file: their nodes, and their matrices in the file's frame."""

    names: tuple[str, ...]
    nodes: tuple[np.int64, ...]
    globals: Float64[np.ndarray, "joints 4 4"]


def add_limbs(objects: Objects, skeleton: Skeleton, frame: Frame) -> Limbs:
    """A limb node for each joint, roots directly under the scene: an armature node above would be one more bone in Unreal."""
    nodes: list[np.int64] = []
    places, above = frame.placed(skeleton.global_matrices, skeleton.parents), skeleton.parents
    to_parents = np.where((above < 0)[:, None, None], places, np.linalg.inv(places[above]) @ places)
    for name, parent, local in zip(skeleton.names, above.tolist(), to_parents, strict=True):
        placement = [*node_settings(), *_placement(name, local)]
        node = objects.add("Model", name, "LimbNode", Record("Version", (232,)), settings70(placement))
        attribute = objects.add("NodeAttribute", name, "LimbNode", Record("TypeFlags", ("Skeleton",)))
        objects.connect(node, ROOT if parent < 0 else nodes[parent])
        objects.connect(attribute, node)
        nodes.append(node)
    return Limbs(names=skeleton.names, nodes=tuple(nodes), globals=places)


def add_skin(objects: Objects, geometry: np.int64, influences: Sequence[tuple[Record, ...]], limbs: Limbs) -> None:
    """Skin a geometry, whose node stands at the origin: a cluster for every joint, so that each one's bind matrix is on record."""
    skin = objects.add("Deformer", "", "Skin", Record("Version", (101,)), Record("Link_DeformAcuracy", (50.0,)))
    objects.connect(skin, geometry)
    inverses = np.linalg.inv(limbs.globals)
    for joint, moved in enumerate(influences):
        cluster = objects.add(
            "Deformer",
            limbs.names[joint],
            "Cluster",
            Record("Version", (100,)),
            Record("UserData", ("", "")),
            *moved,
            Record("Transform", (_columns(inverses[joint]),)),
            Record("TransformLink", (_columns(limbs.globals[joint]),)),
            named_as="SubDeformer",
        )
        objects.connect(cluster, skin)
        objects.connect(limbs.nodes[joint], cluster)


def add_bind_pose(objects: Objects, standing: Sequence[np.int64], limbs: Limbs) -> None:
    """The matrices of skinned nodes and what stands above them, all at the origin, and of every joint."""
    places = [(node, np.eye(4)) for node in standing] + list(zip(limbs.nodes, limbs.globals, strict=True))
    entries = (Record("PoseNode", (), (Record("Node", (node,)), Record("Matrix", (_columns(matrix),)))) for node, matrix in places)
    count = Record("NbPoseNodes", (len(places),))
    objects.add("Pose", "BindPose", "BindPose", Record("Type", ("BindPose",)), Record("Version", (100,)), count, *entries)


def influences(
    points: ControlPoints,
    joints: UInt16[np.ndarray, "vertices influences"],
    weights: Float32[np.ndarray, "vertices influences"],
    *,
    count: int,
) -> list[tuple[Record, ...]]:
    """For each of `count` joints the points it moves and how much, its weights at a point added up; nothing for one that moves none."""
    size = len(points.first)
    weight = weights[points.first]
    point, column = np.nonzero(weight)
    keys, sum_of = np.unique(joints[points.first][point, column].astype(np.int64) * size + point, return_inverse=True)
    sums = np.bincount(sum_of, weight[point, column])
    edges = np.searchsorted(keys, np.arange(count + 1) * size)
    moved = (keys % size).astype(np.int32)
    return [(Record("Indexes", (moved[a:b],)), Record("Weights", (sums[a:b],))) if a < b else () for a, b in pairwise(edges)]


def _placement(name: str, local: Float64[np.ndarray, "4 4"]) -> list[Record]:
    """Translation, Euler angles in degrees (about X, then Y, then Z) and scale that make up a matrix."""
    scale = np.linalg.norm(local[:3, :3], axis=0)
    if np.linalg.det(local[:3, :3]) < 0:
        scale[0] = -scale[0]
    turn = local[:3, :3] / scale
    if np.abs(turn.T @ turn - np.eye(3)).max() > _MATRIX_TOLERANCE:
        raise ModelError(f"joint {name!r} is sheared, which FBX cannot say: bake the shear into the mesh before")
    parts = {"Lcl Translation": local[:3, 3], "Lcl Rotation": np.degrees(_euler_angles(turn)), "Lcl Scaling": scale}
    return [setting(part, "Lcl", *values.tolist()) for part, values in parts.items()]


def _euler_angles(turn: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 3"]:
    """x, y, z with turn = Z(z) Y(y) X(x); where y is a right angle only x - z matters, and z is 0."""
    level = np.hypot(turn[0, 0], turn[1, 0])
    y = np.arctan2(-turn[2, 0], level)
    if level < 1e-9:
        return np.array([np.arctan2(-turn[1, 2], turn[1, 1]), y, 0.0])
    return np.array([np.arctan2(turn[2, 1], turn[2, 2]), y, np.arctan2(turn[1, 0], turn[0, 0])])


def _columns(matrix: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, " 16"]:
    """Column after column: the translation stands at 12 to 14."""
    return matrix.T.reshape(-1)
