from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from formats.fbx.as_ufbx_reads import assert_same_surface, seen_by_ufbx
from formats.fbx.handmade import SQUARE, Made, layer, properties, square, table
from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.formats.fbx.records import Record
from kiln.formats.model import Model, read_model


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
