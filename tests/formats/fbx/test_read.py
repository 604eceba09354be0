from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.readers.blender import run_blender
from formats.fbx.as_ufbx_reads import assert_same_surface, axes_said, seen_by_ufbx
from formats.fbx.handmade import SQUARE, Made, layer, square, table
from kiln.asset import Material, Mesh
from kiln.formats.fbx.frame import UNITY, UNREAL, UNREAL_FORWARD_X, Frame
from kiln.formats.fbx.scene import FbxMaterial, FbxModel, FbxScene, FbxTexture
from kiln.formats.fbx.write import write_fbx
from kiln.formats.model import Model, read_model
from kiln.formats.png import encode_png
from shapes import sphere


def _read(folder: Path, data: bytes) -> Model:
    (folder / "a.fbx").write_bytes(data)
    return read_model(folder / "a.fbx")


def _as_ufbx(folder: Path, data: bytes) -> Mesh:
    mesh = _read(folder, data).mesh
    assert_same_surface(mesh, seen_by_ufbx(folder / "a.fbx"))
    return mesh


def _normal(mesh: Mesh) -> np.ndarray:
    """The unit normal that the triangles' winding says."""
    a, b, c = (mesh.positions[mesh.triangles[:, k]] for k in range(3))
    total = np.cross(b - a, c - a).sum(axis=0)
    return np.round(total / np.linalg.norm(total), 5)


@pytest.mark.parametrize("version", [7100, 7400, 7500, 7700])
def test_a_square_in_every_version(tmp_path: Path, version: int) -> None:
    made = Made()
    made.add_mesh(made.add_node())
    mesh = _as_ufbx(tmp_path, made.data(version))
    assert sorted(map(tuple, mesh.positions.tolist())) == sorted(SQUARE)
    assert np.array_equal(_normal(mesh), (0, 0, 1))


@pytest.mark.parametrize(
    ("settings", "up", "normal"),
    [
        ({"UpAxis": 1, "FrontAxis": 2, "CoordAxis": 0}, (0, 1, 0), (0, 0, 1)),
        ({"UpAxis": 2, "FrontAxis": 1, "FrontAxisSign": -1, "CoordAxis": 0}, (0, 0, -1), (0, 1, 0)),
        ({"UpAxis": 0, "FrontAxis": 2, "CoordAxis": 1, "CoordAxisSign": -1}, (-1, 0, 0), (0, 0, 1)),
    ],
)
def test_axes_and_units_are_the_files(tmp_path: Path, settings: dict[str, object], up: object, normal: object) -> None:
    """The square's y edge of two units of an inch, and its normal, land where the file's axes say."""
    made = Made(settings=settings | {"UnitScaleFactor": 2.54})
    made.add_mesh(made.add_node(), 2 * np.array(SQUARE))
    mesh = _as_ufbx(tmp_path, made.data())
    np.testing.assert_allclose(mesh.bounds[1] - mesh.bounds[0], np.where(np.array(normal) != 0, 0, 2 * 0.0254), atol=1e-7)
    np.testing.assert_allclose(mesh.positions.sum(axis=0) @ np.array(up), 4 * 0.0254, atol=1e-6)
    assert np.array_equal(_normal(mesh), normal)


def test_a_left_handed_file_is_mirrored_with_its_winding(tmp_path: Path) -> None:
    made = Made(settings={"CoordAxisSign": -1})
    normals = layer("Normal", "AllSame", "Direct", table("Normals", (0, 0, 1)))
    made.add_mesh(made.add_node(), SQUARE, [(0, 1, 2, 3)], normals)
    mesh = _as_ufbx(tmp_path, made.data())
    assert np.array_equal(mesh.normals, [_normal(mesh)] * 4)


def test_nonsensical_axes_and_units_are_noted(tmp_path: Path) -> None:
    model = _read(tmp_path, square(Made(settings={"UpAxis": 0, "CoordAxis": 0, "UnitScaleFactor": -1.0})))
    assert [note.split(":")[0] for note in model.notes] == ["its axes make no sense", "its unit makes no sense"]


_TURNS = {"Lcl_Rotation": (20.0, 50.0, -70.0), "Lcl_Translation": (1.0, 2.0, 3.0), "Lcl_Scaling": (1.0, 2.0, 0.5)}
_PIVOTS = {
    "RotationActive": 1,
    "PreRotation": (-90.0, 10.0, 5.0),
    "PostRotation": (15.0, 25.0, 35.0),
    "RotationOffset": (0.1, 0.2, 0.3),
    "RotationPivot": (0.5, -0.5, 0.25),
    "ScalingOffset": (0.3, 0.1, -0.2),
    "ScalingPivot": (-0.4, 0.6, 0.7),
}
_GEOMETRIC = {"GeometricTranslation": (1.0, 0.0, 2.0), "GeometricRotation": (30.0, 40.0, 50.0), "GeometricScaling": (2.0, 1.0, -1.0)}


@pytest.mark.parametrize("order", range(6))
def test_every_rotation_order_with_pivots(tmp_path: Path, order: int) -> None:
    _as_ufbx(tmp_path, square(**_TURNS, **_PIVOTS, RotationOrder=order))


def test_the_geometric_transform_moves_the_mesh_and_not_the_children(tmp_path: Path) -> None:
    made = Made()
    parent = made.add_node(**_TURNS, **_GEOMETRIC)
    made.add_mesh(parent)
    made.add_mesh(made.add_node("child", parent, Lcl_Translation=(0.0, 5.0, 0.0)))
    _as_ufbx(tmp_path, made.data())


@pytest.mark.parametrize("inherit", [0, 1, 2])
def test_every_way_to_inherit_a_parents_scale(tmp_path: Path, inherit: int) -> None:
    made = Made()
    parent = made.add_node(subkind="Null", Lcl_Scaling=(2.0, 1.0, 1.0), Lcl_Rotation=(0.0, 0.0, 30.0))
    child = made.add_node("child", parent, InheritType=inherit, **_TURNS)
    made.add_mesh(made.add_node("grandchild", child, InheritType=inherit, **_TURNS))
    _as_ufbx(tmp_path, made.data())


def test_without_rotation_active_a_prerotation_says_nothing(tmp_path: Path) -> None:
    mesh = _read(tmp_path, square(PreRotation=(90.0, 0.0, 0.0), RotationOrder=5)).mesh
    assert np.array_equal(_normal(mesh), (0, 0, 1))


def test_templates_speak_for_what_nodes_do_not_say(tmp_path: Path) -> None:
    made = Made(templates={"Model": {"Lcl Translation": (0.0, 0.0, 7.0)}})
    made.add_mesh(made.add_node())
    assert _as_ufbx(tmp_path, made.data()).bounds[0][2] == 7


def test_a_mirrored_node_turns_its_triangles_round(tmp_path: Path) -> None:
    """A tetrahedron stands outward on both sides of the mirror."""
    made = Made()
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    mesh = made.add_mesh(made.add_node(), np.vstack([np.zeros(3), np.eye(3)]), faces)
    made.connect(mesh, made.add_node("mirrored", Lcl_Scaling=(-1.0, 1.0, 1.0)))
    both = _as_ufbx(tmp_path, made.data())
    a, b, c = (both.positions[both.triangles[:, k]] for k in range(3))
    assert np.einsum("tk,tk->", np.cross(a, b), c) / 6 == pytest.approx(2 / 6)
    assert both.triangle_count == 8


def _ball() -> Mesh:
    """With all that FBX carries, in two materials."""
    ball = sphere(8, 12)
    normals = ball.positions / np.linalg.norm(ball.positions, axis=1, keepdims=True)
    tangents = np.cross([0.3, 1.0, 0.2], normals)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    u, v = np.arctan2(ball.positions[:, 0], ball.positions[:, 2]) / 7, ball.positions[:, 1]
    return replace(
        ball,
        normals=normals.astype(np.float32),
        tangents=np.column_stack([tangents, np.sign(ball.positions[:, 0] + 0.01)]).astype(np.float32),
        uvs=np.column_stack([u, v]).astype(np.float32),
        lightmap_uvs=(np.column_stack([u, v]) / 2 + 0.5).astype(np.float32),
        material_ids=(np.arange(ball.triangle_count) % 2).astype(np.uint32),
    )


@pytest.mark.parametrize("frame", [UNREAL, UNREAL_FORWARD_X, UNITY])
def test_what_kiln_writes_it_reads(tmp_path: Path, frame: Frame) -> None:
    """The finest level only, without hulls, and where Unreal's asset is turned to look along +X, as it was turned."""
    ball = _ball()
    skin = FbxTexture(name="T_Ball_N", path="T_Ball_N.png", content=encode_png(np.full((4, 4, 3), (128, 100, 250), np.uint8)))
    materials = [
        FbxMaterial(
            name="M_A", material=Material(base_color_factor=(0.5, 0.25, 1.0, 1.0), roughness_factor=0.25), textures={"normal": skin}
        ),
        FbxMaterial(name="M_B", material=Material(metallic_factor=0.5, emissive_factor=(0.0, 2.0, 0.0))),
    ]
    levels = [FbxModel(name="Ball_LOD0", mesh=ball), FbxModel(name="Ball_LOD1", mesh=ball)]
    hull = FbxModel(name="UCX_Ball_LOD0_00", mesh=Mesh(positions=ball.positions, triangles=ball.triangles), materials=False)
    model = _read(tmp_path, write_fbx(FbxScene(lod_group="Ball", lods=levels, models=[hull], materials=materials, frame=frame)))
    back = np.linalg.inv(axes_said(frame)) @ frame.rotation
    corners = {name: getattr(ball, name)[ball.triangles] for name in ("positions", "normals", "tangents", "uvs", "lightmap_uvs")}
    for name in ("positions", "normals"):
        corners[name] = corners[name] @ back.T
    corners["tangents"] = np.concatenate([corners["tangents"][..., :3] @ back.T, corners["tangents"][..., 3:]], axis=2)
    for name, expected in corners.items():
        np.testing.assert_allclose(getattr(model.mesh, name)[model.mesh.triangles], expected, atol=2e-6, err_msg=name)
    assert np.array_equal(model.mesh.material_ids, ball.material_ids)
    first, second = model.materials
    assert (first.base_color_factor, round(first.roughness_factor, 6)) == ((0.5, 0.25, 1, 1), 0.25)
    assert first.normal[0, 0].tolist() == [128, 155, 250]
    assert (second.metallic_factor, second.emissive_factor) == (0.5, (0, 2, 0))
    assert len(model.notes) == 3


@pytest.mark.long
def test_what_blender_writes_in_every_frame_and_scale(tmp_path: Path) -> None:
    """As ufbx sees it; and the same in metres whatever way the file stands."""
    run_blender(str(Path(__file__).parent / "blender_export.py"), tmp_path)
    files = sorted(tmp_path.glob("*.fbx"))
    assert len(files) == 28
    first = None
    for file in files:
        model = read_model(file)
        assert_same_surface(model.mesh, [seen for seen in seen_by_ufbx(file) if not seen.name.startswith("UCX_")])
        assert [material.name for material in model.materials] == ["skin", "red", "blue", "unmade"]
        assert model.materials[0].base_color[0, 0].tolist() == [51, 102, 153, 255]
        assert (model.materials[1].metallic_factor, model.materials[2].metallic_factor) == (1, 0)
        assert model.materials[1].roughness_factor == pytest.approx(0.3)
        first = first or model
        np.testing.assert_allclose(model.mesh.bounds, first.mesh.bounds, atol=1e-4, err_msg=file.name)
        assert model.mesh.colors is not None
