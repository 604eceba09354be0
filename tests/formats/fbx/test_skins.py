"""Skins: joints and weights as meshes were bound to them, however the file stands and poses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engines import props
from engines.readers.blender import run_blender
from formats.fbx.as_ufbx_reads import axes_said, in_file_axes
from formats.fbx.handmade import Made, layer, table
from kiln.asset import Skeleton
from kiln.errors import ModelError
from kiln.formats.fbx.frame import UNITY, UNREAL, UNREAL_FORWARD_X, Frame
from kiln.formats.fbx.records import Record
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from kiln.formats.model import Model, read_model
from oracles import ufbx_scene
from rigs import skeleton, skinned
from shapes import sphere

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
    back[:3, :3] = np.linalg.inv(axes_said(frame)) @ frame.rotation
    assert mesh.joints is not None and mesh.weights is not None and model.mesh.joints is not None and model.mesh.weights is not None
    assert (_bones(model).names, _bones(model).parents.tolist()) == (bones.names, bones.parents.tolist())
    turned = back @ bones.global_matrices
    turned[0] = np.eye(4)  # the root stands at the origin
    np.testing.assert_allclose(_bones(model).global_matrices, turned, atol=1e-5)
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
        np.testing.assert_allclose(in_file_axes(matrix, frame), seen.bind_pose[name], atol=1e-5, err_msg=name)


@dataclass(frozen=True)
class Rig:
    """A figure as Blender exports it, and with bones of all kinds: its file, and its nodes' ids by name."""

    made: Made
    nodes: dict[str, int]


DEPTH_FIRST = ("hat", "body", "cloak", "ball")
"""Meshes in the order in which they are read."""

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
        for name, triangle in zip(DEPTH_FIRST, model.mesh.positions[model.mesh.triangles], strict=True):
            expected = np.c_[np.array(TRIANGLE) / 100, np.ones(3)] @ seen[name].T
            np.testing.assert_allclose(triangle, expected[:, :3], atol=1e-6, err_msg=name)
        weights = _weights(model)
        for name, weight in {"hip": [0, 0, 0, 1, 0, 0.75, 1, 0, 0.75, 0, 0, 0], "tip": [1, 1, 1, 0, 1, 0.25, 0, 1, 0.25, 0, 0, 0]}.items():
            np.testing.assert_allclose(weights[name], weight, atol=1e-6)
        assert weights["root"].tolist() == [0] * 9 + [1] * 3


def test_without_skins_meshes_and_rigid_parts_stand_where_they_do_with_them(tmp_path: Path) -> None:
    links, _ = _file_matrices(tmp_path)
    data = _rig(links=links, posed=True).made.data()
    bare, whole = _read(tmp_path, data, skins=False), _read(tmp_path, data)
    np.testing.assert_array_equal(bare.mesh.positions, whole.mesh.positions)
    assert bare.skeleton is None and bare.mesh.joints is None
    assert bare.notes == ("skeletons and skins were left out: the mesh stands as it was bound",)
    assert whole.notes == ()


def test_a_bind_pose_says_what_clusters_do_not(tmp_path: Path) -> None:
    links, _ = _file_matrices(tmp_path)
    whole = _read(tmp_path, _rig(links=links).made.data())
    pose = {name: links[name] for name in ("root", "hip", "offset", "tip", "end", "body", "cloak")}
    fallback = _read(tmp_path, _rig(links=links, posed=True, pose=pose).made.data())
    np.testing.assert_allclose(fallback.mesh.positions, whole.mesh.positions, atol=1e-6)
    np.testing.assert_allclose(_bones(fallback).global_matrices, _bones(whole).global_matrices, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{"UpAxis": 2, "FrontAxis": 1, "FrontAxisSign": -1}, {"UpAxis": 2, "FrontAxis": 0, "CoordAxis": 1}, {"CoordAxisSign": -1}],
    ids=["z up", "x front", "left-handed"],
)
def test_joints_stand_in_the_mesh_whatever_the_files_axes_and_units(tmp_path: Path, settings: dict[str, object]) -> None:
    """A joint and a mesh at the same place in the file are at the same place when read, and turned alike, or mirrored alike."""
    links, _ = _file_matrices(tmp_path)
    rig = _rig(links=links, posed=True)
    plain = _read(tmp_path, rig.made.data())
    rig.made.settings |= settings
    turned = _read(tmp_path, rig.made.data())
    shapes = [(m.mesh.positions[m.mesh.triangles].reshape(-1, 3), _bones(m).global_matrices) for m in (plain, turned)]
    if "CoordAxisSign" in settings:
        shapes[1] = (shapes[1][0].reshape(-1, 3, 3)[:, [0, 2, 1]].reshape(-1, 3), shapes[1][1])  # faces were turned round
    distances = [np.linalg.norm(corners[:, None] - joints[None, :, :3, 3], axis=2) for corners, joints in shapes]
    np.testing.assert_allclose(*distances, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(shapes[1][1][:, :3, :3]), 1, atol=1e-9)


def _chain(made: Made, names: tuple[str, ...], subkind: str = "LimbNode") -> list[int]:
    nodes: list[int] = []
    for name in names:
        nodes.append(made.add_node(name, nodes[-1] if nodes else 0, subkind, Lcl_Translation=(0.0, 1.0, 0.0)))
    return nodes


def _cluster(made: Made, skin: int, bone: int, points: object, weights: object, *records: Record) -> None:
    arrays = table("Indexes", points, np.int32), table("Weights", weights)
    made.connect(bone, made.add("Deformer", "", "Cluster", *arrays, *records, under=skin))


def test_at_most_eight_influences_stay_and_two_clusters_of_a_bone_are_one(tmp_path: Path) -> None:
    made = Made()
    bones = _chain(made, tuple("abcdefghij"))
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),)))
    for number, bone in enumerate(bones):
        _cluster(made, skin, bone, (0,), (number + 1.0,))
    _cluster(made, skin, bones[0], (0, 1), (20.0, 1.0))
    weights = _weights(_read(tmp_path, made.data()))
    kept = np.array([21, 10, 9, 8, 7, 6, 5, 4])
    assert sorted(weights) == ["a", "d", "e", "f", "g", "h", "i", "j"]
    np.testing.assert_allclose(sorted((weight[0] for weight in weights.values()), reverse=True), kept / kept.sum(), rtol=1e-6)
    assert weights["a"][1:].tolist() == [1, 1], "what nothing moves follows the first joint"


def test_split_vertices_carry_the_weights_of_their_control_point(tmp_path: Path) -> None:
    made = Made()
    bones = _chain(made, ("a", "b"))
    normals = layer("Normal", "ByPolygon", "Direct", table("Normals", ((0, 0, 1), (0, 1, 0))))
    square = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(made.add_node(), square, ((0, 1, 2), (0, 2, 3)), normals))
    for number, bone in enumerate(bones):
        _cluster(made, skin, bone, range(4), [abs(number - point / 4) for point in range(4)])
    model = _read(tmp_path, made.data())
    assert model.mesh.vertex_count == 6
    corners = model.mesh.positions[model.mesh.triangles].reshape(-1, 3)
    point = [[tuple(p) for p in square].index(tuple(corner)) for corner in corners.tolist()]
    np.testing.assert_allclose(_weights(model)["a"], np.array(point) / 4, atol=1e-6)


def test_rigid_parts_that_hang_from_bones_need_no_skin(tmp_path: Path) -> None:
    """A robot of bones and plain meshes; bones elsewhere, and parts without a bone, change nothing."""
    made = Made()
    arm = _chain(made, ("arm", "hand"))
    made.add_mesh(made.add_node("glove", arm[1]), TRIANGLE, ((0, 1, 2),))
    _chain(made, ("lamp", "switch"))
    model = _read(tmp_path, made.data())
    assert _bones(model).names == ("arm", "hand")
    assert {name: weight.tolist() for name, weight in _weights(model).items()} == {"hand": [1, 1, 1]}


def test_bones_may_be_nulls_and_names_may_be_equal_or_missing(tmp_path: Path) -> None:
    made = Made()
    bones = _chain(made, ("bone", "bone", "", "mixamorig:Hips"), "Null")
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),)))
    for bone in (bones[0], bones[3]):
        _cluster(made, skin, bone, range(3), np.ones(3))
    assert _bones(_read(tmp_path, made.data())).names == ("bone", "bone_1", "joint_2", "mixamorig:Hips")


def test_bones_that_are_scaled_to_nothing_or_bound_by_no_matrix_are_read_where_they_stand(tmp_path: Path) -> None:
    made = Made()
    bones = _chain(made, ("a", "b"))
    bones.append(made.add_node("c", bones[1], "LimbNode", Lcl_Scaling=(0.0, 0.0, 0.0)))
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),)))
    for bone in bones:
        _cluster(made, skin, bone, range(3), np.ones(3), table("Transform", np.zeros(16)), table("TransformLink", (1.0, 2.0)))
    found = _bones(_read(tmp_path, made.data()))
    np.testing.assert_allclose(found.global_matrices[:, 1, 3], [1, 2, 2])
    np.testing.assert_allclose(found.local_matrices[:, :3, :3] @ found.local_matrices[:, :3, :3].transpose(0, 2, 1), [np.eye(3)] * 3)


def _damaged(points: object, weights: object, *records: Record) -> bytes:
    made = Made()
    [bone] = _chain(made, ("a",))
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),)))
    _cluster(made, skin, bone, points, weights, *records)
    return made.data()


@pytest.mark.parametrize(
    ("points", "weights", "records", "reason"),
    [
        ((0, 3), (1.0, 1.0), (), "points that its mesh, which has 3"),
        ((0, -1), (1.0, 1.0), (), "points that its mesh, which has 3"),
        ((0, 1), (1.0,), (), "1 weights for 2 points"),
        ((0,), (np.nan,), (), "no numbers"),
        ((0,), (np.inf,), (), "no numbers"),
        ((0,), (1.0,), (table("Transform", [np.nan] * 16),), "Transform holds numbers that are not finite"),
        ((0,), (1.0,), (table("TransformLink", [1e300 if n % 5 else 1.0 for n in range(16)]),), None),
    ],
)
def test_damaged_skins_are_refused(
    tmp_path: Path, points: object, weights: object, records: tuple[Record, ...], reason: str | None
) -> None:
    data = _damaged(points, weights, *records)
    if reason is None:
        assert _bones(_read(tmp_path, data)).names == ("a",)
        return
    with pytest.raises(ModelError, match=reason):
        _read(tmp_path, data)


def test_negative_weights_count_as_none(tmp_path: Path) -> None:
    model = _read(tmp_path, _damaged((0, 1, 2), (-1.0, 0.0, 2.0)))
    assert _weights(model)["a"].tolist() == [1, 1, 1]


def test_bones_that_are_each_others_parents_are_refused(tmp_path: Path) -> None:
    made = Made()
    bones = _chain(made, ("a", "b"))
    made.connections = [c for c in made.connections if c.properties[2] != 0]
    made.connect(bones[0], bones[1])
    made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),))
    with pytest.raises(ModelError, match="each other's parents"):
        _read(tmp_path, made.data())


@pytest.mark.parametrize("limit, what", [("_MAX_CLUSTERS", "clusters"), ("_MAX_WEIGHTS", "weights")])
def test_one_skin_in_many_meshes_is_counted_before_it_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    monkeypatch.setattr(f"kiln.formats.fbx.clusters.{limit}", 5)
    made = Made()
    [bone] = _chain(made, ("a",))
    skin = made.add("Deformer", "", "Skin")
    _cluster(made, skin, bone, (0,), (1.0,))
    for _ in range(6):
        made.connect(skin, made.add_mesh(made.add_node(), TRIANGLE, ((0, 1, 2),)))
    with pytest.raises(ModelError, match=f"more than 5 {what}"):
        _read(tmp_path, made.data())


@pytest.mark.long
def test_what_blender_writes_is_the_figure_of_its_glb(tmp_path: Path) -> None:
    """In all axes and scales: joints at the same places, turned alike but for a turn that all share, as glTF's axes are others than the
    file's; and every vertex moved by the same joints."""
    run_blender(str(Path(__file__).parent / "blender_rig.py"), tmp_path)
    meant = read_model(tmp_path / "figure.glb", skins=True)
    files = sorted(tmp_path.glob("*.fbx"))
    assert len(files) == 15
    for file in files:
        found = read_model(file, skins=True)
        names = _bones(meant).names
        assert sorted(_bones(found).names) == sorted(names), file.name
        ours = dict(zip(_bones(found).names, _bones(found).global_matrices, strict=True))
        theirs = dict(zip(names, _bones(meant).global_matrices, strict=True))
        for name in names:
            np.testing.assert_allclose(ours[name][:3, 3], theirs[name][:3, 3], atol=1e-4, err_msg=f"{file.name} {name}")
        turns = np.array([theirs[name][:3, :3].T @ ours[name][:3, :3] for name in names])
        np.testing.assert_allclose(turns, turns[:1].repeat(len(names), axis=0), atol=1e-4, err_msg=file.name)
        _assert_points_follow_alike(found, meant, names)


def _assert_points_follow_alike(found: Model, meant: Model, names: tuple[str, ...]) -> None:
    rows = []
    for model in (found, meant):
        weights = _weights(model)
        corners = model.mesh.positions[model.mesh.triangles].reshape(-1, 3)
        rows.append(np.column_stack([corners, *(weights.get(name, np.zeros(len(corners))) for name in names)]))
    for one, other in (rows, rows[::-1]):
        assert cKDTree(one).query(other)[0].max() < 2e-4
