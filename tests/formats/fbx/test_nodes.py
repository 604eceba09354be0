"""Which nodes are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from formats.fbx.handmade import SQUARE, Made, properties, square, table
from kiln.errors import ModelError
from kiln.formats.model import Model, read_model


def _read(folder: Path, made: Made) -> Model:
    (folder / "a.fbx").write_bytes(made.data())
    return read_model(folder / "a.fbx")


def _squares(model: Model) -> list[float]:
    """The heights at which unit squares lie."""
    return sorted(set(model.mesh.positions[:, 2].tolist()))


def _square(made: Made, name: str, height: float, under: int = 0, **values: object) -> int:
    node = made.add_node(name, under, Lcl_Translation=(0.0, 0.0, height), **values)
    made.add_mesh(node)
    return node


def test_of_a_lod_group_only_the_first_level_is_read(tmp_path: Path) -> None:
    made = Made()
    group = made.add_node("SM_Crate", subkind="LodGroup")
    finest = made.add_node("whatever", group, subkind="Null")
    _square(made, "part", 1.0, finest)
    _square(made, "other_part", 2.0, finest)
    _square(made, "SM_Crate_LOD1", 3.0, group)
    _square(made, "SM_Crate_LOD2", 4.0, group)
    model = _read(tmp_path, made)
    assert _squares(model) == [1, 2]
    assert model.notes == ("2 lower level(s) of detail were left out",)


def test_levels_of_detail_by_name_need_a_finest_one(tmp_path: Path) -> None:
    made = Made()
    for height, name in enumerate(("Crate_LOD0", "crate_LOD1", "Barrel_LOD1", "lod")):
        _square(made, name, float(height))
    model = _read(tmp_path, made)
    assert _squares(model) == [0, 2, 3]
    assert model.notes == ("1 lower level(s) of detail were left out",)


def test_collision_bodies_and_hidden_meshes_are_left_out(tmp_path: Path) -> None:
    made = Made()
    _square(made, "crate", 0.0)
    for number, prefix in enumerate(("UCX", "UBX", "USP", "UCP")):
        _square(made, f"{prefix}_crate_00", 1.0 + number)
    _square(made, "hidden", 9.0, Show=0)
    _square(made, "faded", 9.0, Visibility=0.0)
    model = _read(tmp_path, made)
    assert _squares(model) == [0]
    assert model.notes == ("4 collision node(s) (UCX_, UBX_, USP_, UCP_) were left out", "2 hidden mesh(es) were left out")


def test_a_file_of_nothing_that_shows_says_why(tmp_path: Path) -> None:
    made = Made()
    _square(made, "UCX_crate_00", 0.0)
    with pytest.raises(ModelError, match="holds no triangles: are its meshes hidden, collision hulls only"):
        _read(tmp_path, made)


def test_nodes_that_are_each_others_parents_are_refused(tmp_path: Path) -> None:
    made = Made()
    _square(made, "good", 0.0)
    first = made.add_node("first", 10**6)
    second = made.add_node("second", first)
    made.add_mesh(second)
    made.connect(first, second)
    with pytest.raises(ModelError, match="each other's parents"):
        _read(tmp_path, made)


def test_a_node_of_two_parents_stands_under_the_first(tmp_path: Path) -> None:
    made = Made()
    low, high = (made.add_node(name, Lcl_Translation=(0.0, 0.0, z)) for name, z in (("low", 1.0), ("high", 5.0)))
    made.connect(_square(made, "child", 1.0, low), high)
    assert _squares(_read(tmp_path, made)) == [2]


def test_a_skinned_mesh_stands_as_it_was_bound(tmp_path: Path) -> None:
    """However its node and its bone stand now."""
    made = Made()
    node = made.add_node(Lcl_Translation=(0.0, 0.0, 100.0))
    skin = made.add("Deformer", "", "Skin", under=made.add_mesh(node))
    bone, bound = np.eye(4), np.eye(4)
    bone[:3, 3], bound[:3, 3] = (1, 2, 3), (0, 0, 4)
    matrices = table("Transform", (np.linalg.inv(bone) @ bound).T), table("TransformLink", bone.T)
    made.add("Deformer", "", "Cluster", *matrices, under=skin)
    model = _read(tmp_path, made)
    assert _squares(model) == [4]
    assert model.notes == ("skeletons and skins were left out: the mesh stands as it was bound",)


def test_what_else_is_left_out_is_noted(tmp_path: Path) -> None:
    made = Made()
    mesh = made.add_mesh(made.add_node())
    made.add("Geometry", "smile", "Shape", under=mesh)
    made.add("Geometry", "patch", "NurbsSurface", under=0)
    made.add("AnimationCurve", "", "", under=0)
    assert _read(tmp_path, made).notes == (
        "1 morph target(s) were left out",
        "1 curve(s) or surface(s) that are no meshes were left out",
        "animation was left out",
    )


def test_one_mesh_in_a_thousand_places_is_counted_before_it_is_placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    mesh = made.add_mesh(made.add_node())
    for number in range(30):
        made.connect(mesh, made.add_node(f"copy_{number}"))
    assert _read(tmp_path, made).mesh.triangle_count == 62
    monkeypatch.setattr("kiln.formats.content._MAX_TRIANGLES", 60)
    with pytest.raises(ModelError, match="declares 62 triangles"):
        _read(tmp_path, made)


def test_more_nodes_than_an_asset_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.formats.fbx.nodes._MAX_NODES", 3)
    made = Made()
    for number in range(4):
        made.add_node(f"{number}")
    with pytest.raises(ModelError, match="it has 4 nodes, more than 3"):
        _read(tmp_path, made)


def test_a_scale_of_nothing_and_numbers_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.fbx").write_bytes(square(Lcl_Scaling=(0.0, 0.0, 0.0)))
    with pytest.raises(ModelError, match="no area"):
        read_model(tmp_path / "a.fbx")
    (tmp_path / "a.fbx").write_bytes(square(Lcl_Scaling=(np.nan, 1.0, 1.0), Lcl_Translation=("x", 1.0, 1.0)))
    assert np.array_equal(np.unique(read_model(tmp_path / "a.fbx").mesh.positions, axis=0), np.unique(SQUARE, axis=0))


def test_properties_without_values_are_no_properties(tmp_path: Path) -> None:
    made = Made()
    node = made.add("Model", "bare", "Mesh", properties({"Lcl Scaling": ()}), under=0)
    made.add_mesh(node)
    assert _read(tmp_path, made).mesh.triangle_count == 2
