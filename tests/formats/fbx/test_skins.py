"""Skins: joints and weights as meshes were bound to them, however the file stands and poses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines import props
from formats.fbx.handmade import Made, layer, table
from formats.fbx.test_read import frame_said
from kiln.asset import Mesh, Skeleton
from kiln.errors import ModelError
from kiln.formats.fbx.frame import UNITY, UNREAL, UNREAL_FORWARD_X, Frame
from kiln.formats.fbx.records import Record
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.model import Model, read_model
from oracles import ufbx_scene
from rigs import skeleton, skinned
from shapes import cube, sphere

TRIANGLE = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def _read(folder: Path, data: bytes, *, skins: bool = True) -> Model:
    (folder / "a.fbx").write_bytes(data)
    return read_model(folder / "a.fbx", skins=skins)


def _bones(model: Model) -> Skeleton:
    assert model.skeleton is not None
    return model.skeleton


def _weights(model: Model) -> dict[str, np.ndarray]:
    """By joint, at each corner of each triangle; only of those that move something."""
    joints, weights = model.mesh.joints, model.mesh.weights
    assert joints is not None and weights is not None
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (np.diff(weights, axis=1) <= 0).all() and (joints[weights == 0] == 0).all()
    corners = model.mesh.triangles.ravel()
    table = {name: np.where(joints == n, weights, 0).sum(axis=1)[corners] for n, name in enumerate(_bones(model).names)}
    return {name: weight for name, weight in table.items() if weight.any()}


@pytest.mark.parametrize("frame", [UNREAL, UNREAL_FORWARD_X, UNITY])
@pytest.mark.parametrize("joints", [3, 300])
def test_what_kiln_writes_it_reads(tmp_path: Path, frame: Frame, joints: int) -> None:
    mesh, bones = skinned(sphere(6, 8), joints=joints, influences=8), skeleton(joints)
    model = _read(tmp_path, write_fbx(FbxScene(models=[FbxModel(name="a", mesh=mesh)], skeleton=bones, frame=frame)))
    back = np.eye(4)
    back[:3, :3] = np.linalg.inv(frame_said(frame)) @ frame.rotation
    assert mesh.joints is not None and mesh.weights is not None and model.mesh.joints is not None and model.mesh.weights is not None
    assert (_bones(model).names, _bones(model).parents.tolist()) == (bones.names, bones.parents.tolist())
    np.testing.assert_allclose(_bones(model).global_matrices, back @ bones.global_matrices @ back.T, atol=1e-5)
    corners, meant = model.mesh.triangles, mesh.triangles
    np.testing.assert_allclose(model.mesh.positions[corners], mesh.positions[meant] @ back[:3, :3].T, atol=1e-5)
    np.testing.assert_array_equal(model.mesh.joints[corners], mesh.joints[meant])
    np.testing.assert_allclose(model.mesh.weights[corners], mesh.weights[meant], atol=1e-6)


@pytest.mark.parametrize("frame", [UNREAL, UNITY])
def test_weights_and_joints_are_those_that_ufbx_sees(tmp_path: Path, frame: Frame) -> None:
    asset = props.skinned(bones=6)
    assert asset.mesh is not None
    model = _read(tmp_path, write_fbx(FbxScene(models=[FbxModel(name="a", mesh=asset.mesh)], skeleton=asset.skeleton, frame=frame)))
    seen = ufbx_scene(tmp_path / "a.fbx")
    meant = {name: weight for name, weight in seen.meshes["a"].weights.items() if weight.any()}
    assert _weights(model).keys() == meant.keys()
    for name, weight in _weights(model).items():
        np.testing.assert_allclose(weight, meant[name], atol=1e-6, err_msg=name)
    for name, matrix in zip(_bones(model).names, _bones(model).global_matrices, strict=True):
        np.testing.assert_allclose(matrix, seen.bind_pose[name], atol=1e-5, err_msg=name)


@dataclass(frozen=True)
class Rig:
    """A figure as Blender exports it, and with bones of all kinds: its file, and its nodes' ids by name."""

    made: Made
    nodes: dict[str, int]


NAMES = ("root", "hip", "offset", "tip", "end")


def _rig(*, posed: bool = False, links: Mapping[str, np.ndarray] | None = None, pose: Mapping[str, np.ndarray] | None = None) -> Rig:
    """Two skinned triangles and two rigid ones. `links` are matrices in which nodes were bound, in the file's frame; `pose` too, but
    said by a bind pose alone."""
    made, nodes = Made(settings={"UnitScaleFactor": 1.0}), {}

    def add(name: str, under: str = "", subkind: str = "LimbNode", **values: object) -> None:
        nodes[name] = made.add_node(name, nodes.get(under, 0), subkind, **values)

    bend = (20.0, -30.0, 40.0) if posed else (0.0, 0.0, 0.0)
    add("Armature", subkind="Null", Lcl_Rotation=(-90.0, 0.0, 0.0), Lcl_Scaling=(100.0,) * 3, Lcl_Translation=(5.0, 6.0, 7.0))
    add("root", "Armature", Lcl_Translation=(0.0, 0.5, 0.0))
    pivots = {"RotationActive": 1, "PreRotation": (10.0, 20.0, 30.0), "PostRotation": (5.0, 0.0, 15.0), "RotationOrder": 2}
    add("hip", "root", Lcl_Translation=(0.0, 0.0, 1.0), Lcl_Rotation=bend, **pivots)
    add("offset", "hip", "Null", Lcl_Translation=(0.25, 0.0, 0.0))
    add("tip", "offset", Lcl_Translation=(0.0, 1.0, 1.0), Lcl_Rotation=bend, Lcl_Scaling=(1.0, 2.0, 1.0))
    add("end", "tip", Lcl_Translation=(0.0, 0.5, 0.0))
    add("loose", subkind="LimbNode")
    for name, under in (("body", "Armature"), ("cloak", ""), ("hat", "tip"), ("ball", "")):
        add(name, under, "Mesh", Lcl_Translation=(0.5, 0.0, 0.25))
        mesh = made.add_mesh(nodes[name], TRIANGLE, ((0, 1, 2),))
        if links is not None and name in ("body", "cloak"):
            _bind(made, mesh, nodes, links, name, silent=pose is not None)
    for name, matrix in (pose or {}).items():
        entry = Record("PoseNode", (), (Record("Node", (np.int64(nodes[name]),)), table("Matrix", matrix.T)))
        made.add("Pose", "Pose", "BindPose", entry)
    return Rig(made, nodes)


def _bind(made: Made, mesh: int, nodes: Mapping[str, int], links: Mapping[str, np.ndarray], name: str, *, silent: bool) -> None:
    """Point 0 follows the hip, 1 the tip, 2 both; the cloak is listed the other way round."""
    skin = made.add("Deformer", "", "Skin", under=mesh)
    bones = [("hip", (0, 2), (1.0, 0.75)), ("tip", (1, 2), (1.0, 0.25))]
    for bone, points, weights in bones if name == "body" else bones[::-1]:
        records = [table("Indexes", points, np.int32), table("Weights", weights)]
        records.append(table("Transform", (np.linalg.inv(links[bone]) @ links[name]).T))
        if not silent:
            records.append(table("TransformLink", links[bone].T))
        made.connect(nodes[bone], made.add("Deformer", "", "Cluster", *records, under=skin))


def _file_matrices(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Where ufbx sees the unposed rig's nodes, in the file's frame and in Kiln's."""
    (folder / "plain.fbx").write_bytes(_with_normals(_rig()).data())
    seen = ufbx_scene(folder / "plain.fbx").matrices
    to_kiln = np.diag([0.01, 0.01, 0.01, 1])
    return {name: np.linalg.inv(to_kiln) @ matrix @ to_kiln for name, matrix in seen.items()}, seen


def _with_normals(rig: Rig) -> Made:
    """ufbx's reader in these tests wants normals."""
    normals = layer("Normal", "AllSame", "Direct", table("Normals", (0.0, 0.0, 1.0)))
    objects = [Record(o.name, o.properties, (*o.children, normals)) if o.name == "Geometry" else o for o in rig.made.objects]
    return replace(rig.made, objects=objects)


def test_an_armature_with_scale_posed_bones_and_rigid_parts_is_read_as_it_was_bound(tmp_path: Path) -> None:
    links, seen = _file_matrices(tmp_path)
    still, posed = (_read(tmp_path, _rig(links=links, posed=posed).made.data()) for posed in (False, True))
    for model in (still, posed):
        bones = _bones(model)
        assert bones.names == NAMES
        assert bones.parents.tolist() == [-1, 0, 1, 2, 3]
        for name, matrix in zip(NAMES, bones.global_matrices, strict=True):
            np.testing.assert_allclose(matrix[:3, 3], seen[name][:3, 3], atol=1e-6, err_msg=name)
            turn = seen[name][:3, :3]
            np.testing.assert_allclose(np.linalg.norm(matrix[:3, :3], axis=0), 1, atol=1e-9)
            np.testing.assert_allclose(matrix[:3, :3], turn / np.linalg.norm(turn, axis=0), atol=1e-6, err_msg=name)
        for part, name in enumerate(("body", "cloak", "hat", "ball")):
            scene = seen[name] @ np.diag([0.01, 0.01, 0.01, 1])
            expected = np.c_[np.array(TRIANGLE) * 100, np.ones(3)] @ (scene).T @ np.diag([1, 1, 1, 1])
            start = [0, 3, 6, 9]
            ours = model.mesh.positions[model.mesh.triangles][_order(model, name)]
            np.testing.assert_allclose(ours, expected[:, :3], atol=1e-5, err_msg=f"{name} {part} {start}")
    np.testing.assert_allclose(posed.mesh.positions, still.mesh.positions, atol=1e-6)


def _order(model: Model, name: str) -> int:
    """Depth first: body, hat come under the armature, hat below the tip first."""
    return ("hat", "body", "cloak", "ball").index(name)
