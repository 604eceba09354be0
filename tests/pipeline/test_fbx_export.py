"""`kiln export` of rigged FBX files: the skeleton goes along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kiln
from engines import props
from engines.readers.glb_file import joint_matrices
from formats.fbx.as_ufbx_reads import FRAMES, in_file_axes
from kiln.asset import Package, Skeleton
from kiln.formats.fbx.frame import UNITY
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from oracles import CornerMesh, read_glb, ufbx_scene

HIPS = "mixamorig:Hips"


def _rigged(path: Path) -> Skeleton:
    """A file whose only root stands off the origin, as Mixamo's do; its skeleton."""
    asset = props.skinned()
    assert asset.mesh is not None and asset.skeleton is not None
    local = np.array(asset.skeleton.local_matrices)
    local[0, :3, 3] = (0.0, 0.25, 0.0)
    skeleton = replace(asset.skeleton, names=(HIPS, *asset.skeleton.names[1:]), local_matrices=local)
    path.write_bytes(write_fbx(FbxScene(models=[FbxModel(name="body", mesh=asset.mesh)], skeleton=skeleton, frame=UNITY)))
    return skeleton


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Package, Skeleton]:
    folder = tmp_path_factory.mktemp("rigged")
    skeleton = _rigged(folder / "worm.fbx")
    engines = ("unreal", "unity", "godot")
    return kiln.export(folder / "worm.fbx", engine=engines, out=folder / "out", previews=False, archive=False), skeleton


def _assert_moved_alike(mesh: CornerMesh, meant: CornerMesh) -> None:
    assert {name for name, weight in mesh.weights.items() if weight.any()} == {n for n, weight in meant.weights.items() if weight.any()}
    for name, weight in mesh.weights.items():
        np.testing.assert_allclose(weight, meant.weights.get(name, np.zeros_like(weight)), atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("engine", "file", "above"), [("unreal", "SK_worm.fbx", "root"), ("unity", "worm.fbx", "")])
def test_joints_weights_and_places_reach_the_engines_fbx(exported: tuple[Package, Skeleton], engine: str, file: str, above: str) -> None:
    """Unreal's has a root at the origin, as it wants one; the figure's own hangs from it, where it stood."""
    package, skeleton = exported
    fbx = ufbx_scene(package.folder / engine / file)
    assert fbx.parents[HIPS] == above
    for name, matrix in zip(skeleton.names, skeleton.global_matrices, strict=True):
        np.testing.assert_allclose(fbx.bind_pose[name], in_file_axes(matrix, FRAMES[engine]), atol=1e-5, err_msg=name)
    if above:
        np.testing.assert_allclose(fbx.matrices["root"], np.eye(4), atol=1e-12)
        assert fbx.parents["root"] == ""
    [mesh], [meant] = fbx.meshes.values(), read_glb(package.folder / "worm.glb").values()
    _assert_moved_alike(mesh, meant)


def test_joints_and_weights_reach_godots_glb(exported: tuple[Package, Skeleton]) -> None:
    package, skeleton = exported
    matrices = joint_matrices(package.folder / "godot" / "worm.glb")
    for name, matrix in zip(skeleton.names, skeleton.global_matrices, strict=True):
        np.testing.assert_allclose(matrices[name], matrix, atol=1e-5, err_msg=name)
    source = ufbx_scene(package.folder.parents[1] / "worm.fbx").meshes["body"]
    [mesh] = read_glb(package.folder / "godot" / "worm.glb").values()
    _assert_moved_alike(mesh, source)
