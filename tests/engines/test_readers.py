"""The judges can say no: what they are there to find is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import props
from kiln.asset import Mesh
from kiln.formats.fbx.frame import UNREAL, Frame
from kiln.formats.fbx.scene import FbxModel, FbxScene
from kiln.formats.fbx.write import write_fbx
from oracles import differences, read_glb, ufbx_scene


def told(folder: Path, mesh: Mesh | None = None, frame: Frame = UNREAL) -> set[str]:
    """What differs between the FBX of a mesh (the neutral one by default) and the neutral GLB."""
    asset = props.many()
    (folder / "a.glb").write_bytes(props.neutral(asset))
    (folder / "a.fbx").write_bytes(
        write_fbx(FbxScene(models=[FbxModel(name="A", mesh=mesh or asset.source, materials=False)], frame=frame))
    )
    found = differences(ufbx_scene(folder / "a.fbx").meshes["A"], read_glb(folder / "a.glb")[asset.name])
    return {what for what, size in found.items() if size > 1e-5} - {"materials"}


def test_triangles_in_another_order_are_other_triangles(tmp_path: Path) -> None:
    assert told(tmp_path, replace(props.many().source, material_ids=None)) >= {"positions"}


def test_wrong_units_and_wrong_axes_are_seen(tmp_path: Path) -> None:
    assert "positions" in told(tmp_path, frame=replace(UNREAL, unit_scale_factor=100.0))
    assert {"positions", "normals"} <= told(tmp_path, frame=replace(UNREAL, rows=((1, 0, 0), (0, 1, 0), (0, 0, 1))))


def sorted_ball() -> Mesh:
    """With its triangles in the order in which the GLB groups them by material."""
    mesh = props.many().source
    assert mesh.material_ids is not None
    return replace(mesh, triangles=mesh.triangles[np.argsort(mesh.material_ids, kind="stable")], material_ids=None)


def test_single_wrong_attributes_are_told_by_name(tmp_path: Path) -> None:
    mesh = sorted_ball()
    assert mesh.tangents is not None and mesh.uvs is not None and mesh.lightmap_uvs is not None
    assert told(tmp_path, mesh) == set()
    assert told(tmp_path, replace(mesh, tangents=mesh.tangents * np.float32((1, 1, 1, -1)))) == {"bitangents"}
    assert told(tmp_path, replace(mesh, lightmap_uvs=np.float32(1) - mesh.lightmap_uvs)) == {"uv1"}
    assert told(tmp_path, replace(mesh, uvs=mesh.uvs * np.float32((1, -1)))) == {"uv0"}
    assert told(tmp_path, replace(mesh, lightmap_uvs=None)) == {"uv_sets"}


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = write_fbx(FbxScene(models=[FbxModel(name="A", mesh=props.ball())]))
    (tmp_path / "a.fbx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(pytest.fail.Exception, match=r"ufbx refuses a\.fbx"):
        ufbx_scene(tmp_path / "a.fbx")
