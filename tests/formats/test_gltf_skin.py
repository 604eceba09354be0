from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiln.errors import ModelError
from kiln.formats.content import Content
from kiln.formats.folder import Folder
from kiln.formats.gltf_read import read_gltf
from kiln.formats.gltf_write import Part, write_glb, write_gltf
from oracles import khronos, three
from rigs import skeleton, skinned
from shapes import cube


def _read(path: Path, data: bytes, *, skins: bool = True) -> Content:
    path.write_bytes(data)
    return read_gltf(data, Folder(path, skins=skins))


def _edited(folder: Path, change: Any, **given: Any) -> Content:
    """A skinned cube as .gltf whose JSON was changed, read."""
    files = write_gltf([Part(name="a", mesh=skinned(cube()))], name="a", skeleton=skeleton())
    document = json.loads(files["a.gltf"])
    change(document)
    (folder / "a.bin").write_bytes(files["a.bin"])
    return _read(folder / "a.gltf", json.dumps(document).encode(), **given)


@pytest.mark.parametrize("influences, joints", [(4, 3), (8, 3), (4, 300)])
def test_reading_back_gives_the_same_skin(tmp_path: Path, influences: int, joints: int) -> None:
    mesh, bones = skinned(cube(), joints=joints, influences=influences), skeleton(joints)
    read = _read(tmp_path / "a.glb", write_glb([Part(name="a", mesh=mesh)], skeleton=bones))
    assert khronos(tmp_path / "a.glb")[0]["messages"] == []
    assert three(tmp_path / "a.glb")[0][0]["attributes"].count("skinIndex") == 1
    assert read.skeleton is not None
    assert read.skeleton.names == bones.names
    assert read.skeleton.parents.tolist() == bones.parents.tolist()
    np.testing.assert_allclose(read.skeleton.global_matrices, bones.global_matrices, atol=2e-5)
    assert read.mesh.joints is not None and read.mesh.weights is not None
    np.testing.assert_array_equal(read.mesh.joints[:, :influences], mesh.joints)
    np.testing.assert_allclose(read.mesh.weights[:, :influences], mesh.weights, atol=1e-7)
    np.testing.assert_allclose(read.mesh.positions, mesh.positions, atol=1e-5)


def test_without_skins_the_mesh_stands_as_bound_and_that_is_said(tmp_path: Path) -> None:
    read = _read(tmp_path / "a.glb", write_glb([Part(name="a", mesh=skinned(cube()))], skeleton=skeleton()), skins=False)
    assert read.mesh.joints is None and read.skeleton is None
    assert any("skins were left out" in note for note in read.notes)


def test_a_skinned_node_s_own_transform_counts_for_nothing(tmp_path: Path) -> None:
    def move(document: Any) -> None:
        document["nodes"][0]["translation"] = [9, 9, 9]

    np.testing.assert_allclose(_edited(tmp_path, move).mesh.positions, cube().positions, atol=1e-5)


def test_an_armature_in_centimetres_leaves_no_scale_on_the_joints(tmp_path: Path) -> None:
    def shrink(document: Any) -> None:
        document["nodes"].append({"name": "Armature", "scale": [0.01] * 3, "children": [1]})
        document["scenes"][0]["nodes"] = [0, len(document["nodes"]) - 1]

    read = _edited(tmp_path, shrink)
    assert read.skeleton is not None
    np.testing.assert_allclose(read.mesh.positions, cube().positions * 0.01, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(read.skeleton.global_matrices[:, :3, :3], axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(read.skeleton.global_matrices[:, :3, 3], skeleton().global_matrices[:, :3, 3] * 0.01, atol=1e-6)


def test_a_posed_file_is_read_as_it_was_bound(tmp_path: Path) -> None:
    def pose(document: Any) -> None:
        document["nodes"][2]["rotation"] = [0.0, 0.0, 1.0, 0.0]

    read = _edited(tmp_path, pose)
    assert read.skeleton is not None
    np.testing.assert_allclose(read.mesh.positions, cube().positions, atol=1e-5)
    np.testing.assert_allclose(read.skeleton.global_matrices, skeleton().global_matrices, atol=2e-5)


def test_a_rigid_mesh_follows_the_joint_above_it(tmp_path: Path) -> None:
    def attach(document: Any) -> None:
        document["meshes"].append(
            {"primitives": [{k: v for k, v in document["meshes"][0]["primitives"][0].items() if k != "attributes"}], "name": "hat"}
        )
        document["meshes"][1]["primitives"][0]["attributes"] = {"POSITION": 0}
        document["nodes"].append({"mesh": 1})
        document["nodes"][3]["children"] = [len(document["nodes"]) - 1]

    read = _edited(tmp_path, attach)
    assert read.mesh.joints is not None and read.mesh.weights is not None
    assert read.mesh.joints[8:, 0].tolist() == [2] * 8
    assert read.mesh.weights[8:, 0].tolist() == [1.0] * 8
    with_place = np.c_[cube().positions, np.ones(8)] @ skeleton().global_matrices[2].T
    np.testing.assert_allclose(read.mesh.positions[8:], with_place[:, :3], atol=1e-5)


def _no_joints(document: Any) -> None:
    document["skins"][0]["joints"] = []


def _twice(document: Any) -> None:
    document["skins"][0]["joints"] = [1, 1, 2]


def _singular(document: Any) -> None:
    document["skins"][0]["inverseBindMatrices"] = document["meshes"][0]["primitives"][0]["attributes"]["WEIGHTS_0"]


def _too_few(document: Any) -> None:
    document["skins"][0]["joints"] = document["skins"][0]["joints"][:1]


def _same_names(document: Any) -> None:
    for node in document["nodes"]:
        node["name"] = "bone"


@pytest.mark.parametrize(
    "damage, reason", [(_no_joints, "no joints"), (_twice, "no joints, too many"), (_singular, "components"), (_too_few, "refers to joint")]
)
def test_a_damaged_skin_is_refused(tmp_path: Path, damage: Any, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        _edited(tmp_path, damage)


def test_joints_of_one_name_get_different_ones(tmp_path: Path) -> None:
    read = _edited(tmp_path, _same_names)
    assert read.skeleton is not None
    assert len(set(read.skeleton.names)) == 3


def test_joints_without_a_skeleton_are_refused() -> None:
    with pytest.raises(ValueError, match="skeleton"):
        write_glb([Part(name="a", mesh=skinned(cube()))])
