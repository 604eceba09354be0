"""An FBX file's surface as ufbx reads it, in Kiln's frame, whatever its polygons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from engines.readers import ufbx_native as native
from kiln.asset import Mesh
from kiln.formats.fbx.frame import UNITY, UNREAL, Frame


@dataclass(frozen=True, eq=False)
class Seen:
    """A node's mesh: values at corners, polygon after polygon."""

    name: str
    positions: np.ndarray
    normals: np.ndarray | None
    uvs: np.ndarray | None
    colors: np.ndarray | None
    sizes: np.ndarray
    mirrored: bool
    """Whether the way to Kiln's frame mirrors, so that every polygon has to turn round."""

    def sums(self, middle: np.ndarray) -> np.ndarray:
        """Of all area vectors, and the volume about a point: both tell a face that is missing or turned round."""
        first = np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes - 2)
        second = np.concatenate(
            [start + np.arange(1, size - 1) for start, size in zip(np.cumsum(self.sizes) - self.sizes, self.sizes, strict=True)]
        )
        sums = _sums(*(self.positions[i] - middle for i in (first, second, second + 1)))
        return -sums if self.mirrored else sums


def seen_by_ufbx(path: Path) -> list[Seen]:
    """The nodes with meshes; skinned ones as they were bound."""
    with native.opened(path) as scene:
        frame = np.zeros((3, 3))
        for row, axis in enumerate(scene.axes):
            frame[row, axis // 2] = -1 if axis % 2 else 1
        return [_seen(node, frame * scene.unit_metres) for node in scene.nodes if node.mesh]


def _seen(node: native.Node, frame: np.ndarray) -> Seen:
    mesh = node.mesh.contents
    matrix = node.geometry_to_world.array
    for skin in mesh.skin_deformers.elements(native.Skin):
        for cluster in skin.clusters.elements(native.Cluster)[:1]:
            matrix = cluster.bind_to_world.array @ cluster.geometry_to_bone.array
    linear = frame @ matrix[:3, :3]
    normals = None if mesh.generated_normals or not mesh.normal.exists else mesh.normal.by_corner(3) @ np.linalg.inv(linear)
    uvs = mesh.uv.by_corner(2)
    return Seen(
        name=str(node.name),
        positions=mesh.position.by_corner(3) @ linear.T + frame @ matrix[:3, 3],
        normals=None if normals is None else normals / np.linalg.norm(normals, axis=1, keepdims=True),
        uvs=None if uvs is None else np.column_stack([uvs[:, 0], 1 - uvs[:, 1]]),
        colors=mesh.color.by_corner(4),
        sizes=mesh.faces.array(np.uint32, 2)[:, 1].astype(np.int64),
        mirrored=bool(np.linalg.det(linear) < 0),
    )


def assert_same_surface(mesh: Mesh, seen: list[Seen], *, tolerance: float = 1e-5) -> None:
    """Every corner that ufbx sees is a vertex of the mesh and the other way round, in all attributes; and every face looks the same way."""
    keep = [each for each in seen if len(each.sizes)]
    columns = [(mesh.positions / mesh.diagonal, np.concatenate([each.positions for each in keep]) / mesh.diagonal)]
    for ours, theirs in ((mesh.normals, [e.normals for e in keep]), (mesh.uvs, [e.uvs for e in keep])):
        if ours is not None and all(t is not None for t in theirs):
            columns.append((ours, np.concatenate(theirs)))
    if mesh.colors is not None:
        columns.append(
            (
                mesh.colors / 255,
                np.concatenate([np.ones((len(e.positions), 4)) if e.colors is None else np.round(e.colors * 255) / 255 for e in keep]),
            )
        )
    ours, theirs = (np.column_stack(side) for side in zip(*columns, strict=True))
    assert cKDTree(ours).query(theirs)[0].max() < tolerance
    assert cKDTree(theirs).query(ours)[0].max() < tolerance
    middle = mesh.positions.mean(axis=0)
    expected = sum(each.sums(middle) for each in keep)
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) - middle for k in range(3))
    np.testing.assert_allclose(_sums(a, b, c), expected, atol=tolerance * 10 * mesh.diagonal**2)


def _sums(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    areas = np.cross(b - a, c - a) / 2
    return np.array([*areas.sum(axis=0), (areas * a).sum() / 3])


def axes_said(frame: Frame) -> np.ndarray:
    """The rotation that the frame's axes alone say: from Kiln's x, y, z to the file's right, up and front."""
    rotation = np.zeros((3, 3))
    for column, (axis, sign) in enumerate((frame.coord, frame.up, frame.front)):
        rotation[axis, column] = sign
    return rotation


FRAMES = {"unreal": UNREAL, "unity": UNITY}
"""The frames of the engines that get FBX files."""


def in_file_axes(joint: np.ndarray, frame: Frame) -> np.ndarray:
    """A joint's matrix to Kiln's frame as a reader shows it that turns each joint's own axes with the file's: files of ours do not."""
    if np.allclose(joint, np.eye(4)):  # a root that stands still
        return joint
    own = np.eye(4)
    own[:3, :3] = axes_said(frame)
    return np.asarray(joint @ own)
