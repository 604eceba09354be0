"""Meshes as records made by hand; corners are held against ufbx where both have an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from formats.fbx.as_ufbx_reads import assert_same_surface, seen_by_ufbx
from formats.fbx.handmade import SQUARE, Made, layer, table
from kiln.errors import ModelError
from kiln.formats.fbx.records import Record
from kiln.formats.model import Model, read_model

TWO = ((0, 1, 2), (0, 2, 3))
"""The square as triangles."""

NORMALS = np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0)])


def _read(folder: Path, *layers: Record, points: object = SQUARE, faces: object = TWO) -> Model:
    made = Made()
    made.add_mesh(made.add_node(), points, faces, *layers)
    (folder / "a.fbx").write_bytes(made.data())
    return read_model(folder / "a.fbx")


def _normals(mapping: str, reference: str, entries: int, index: object = None) -> Record:
    arrays = [table("Normals", NORMALS[:entries])] + ([] if index is None else [table("NormalsIndex", index, np.int32)])
    return layer("Normal", mapping, reference, *arrays)


@pytest.mark.parametrize(
    ("element", "corners"),
    [
        (_normals("ByPolygonVertex", "Direct", 6), [0, 1, 2, 3, 4, 5]),
        (_normals("ByPolygonVertex", "IndexToDirect", 3, [2, 1, 0, 0, 1, 2]), [2, 1, 0, 0, 1, 2]),
        (_normals("ByPolygonVertex", "IndexToDirect", 6), [0, 1, 2, 3, 4, 5]),
        (_normals("ByVertice", "Direct", 4), [0, 1, 2, 0, 2, 3]),
        (_normals("ByVertex", "IndexToDirect", 2, [1, 0, 1, 0]), [1, 0, 1, 1, 1, 0]),
        (_normals("ByPolygon", "Direct", 2), [0, 0, 0, 1, 1, 1]),
        (_normals("AllSame", "Direct", 1), [0, 0, 0, 0, 0, 0]),
    ],
)
def test_every_mapping_and_reference(tmp_path: Path, element: Record, corners: list[int]) -> None:
    mesh = _read(tmp_path, element).mesh
    assert np.array_equal(mesh.normals[mesh.triangles].reshape(-1, 3), NORMALS[corners])
    assert_same_surface(mesh, seen_by_ufbx(tmp_path / "a.fbx"))


@pytest.mark.parametrize(
    ("element", "note"),
    [
        (_normals("ByPolygonVertex", "Direct", 5), "Normals were left out: there are 5 of them where 6 are needed"),
        (_normals("ByVertice", "Direct", 3), "Normals were left out: there are 3 of them where 4 are needed"),
        (_normals("ByPolygonVertex", "IndexToDirect", 2, [0, 1, 2, 0, 0, 0]), "there are 2 of them where 3 are needed"),
        (_normals("ByEdge", "Direct", 6), "they are mapped 'ByEdge'"),
        (_normals("AllSame", "Direct", 0), "there are 0 of them where 1 are needed"),
        (layer("UV", "ByPolygonVertex", "Direct", Record("UV", ("no array",))), "UV were left out"),
        (layer("Material", "ByEdge", "IndexToDirect", table("Materials", [0], np.int32)), "they are not given by polygon"),
        (layer("Material", "ByPolygon", "IndexToDirect", table("Materials", [0], np.int32)), "there are 1 of them where 2 are needed"),
    ],
)
def test_a_layer_that_does_not_fit_is_left_out_with_a_note(tmp_path: Path, element: Record, note: str) -> None:
    model = _read(tmp_path, element)
    assert note in model.notes[0]
    assert model.mesh.normals is None
    assert model.mesh.triangle_count == 2


def test_corners_without_uvs_lie_at_zero_and_v_runs_down(tmp_path: Path) -> None:
    """Maya writes -1 for corners that nobody mapped."""
    index = table("UVIndex", [0, 1, 2, -1, 2, 1], np.int32)
    uvs = layer("UV", "ByPolygonVertex", "IndexToDirect", table("UV", [(0, 0), (1, 0.25), (1, 1)]), index)
    mesh = _read(tmp_path, uvs).mesh
    assert mesh.uvs[mesh.triangles].reshape(-1, 2).tolist() == [[0, 1], [1, 0.75], [1, 0], [0, 1], [1, 0], [1, 0.75]]


def _uv_set(number: int, name: str, uvs: object) -> Record:
    return layer("UV", "ByVertice", "Direct", table("UV", uvs), number=number, name=name)


@pytest.mark.parametrize(
    ("second", "taken"),
    [
        (_uv_set(1, "Lightmap", np.array(SQUARE)[:, :2]), True),
        (_uv_set(1, "UVChannel_2", np.array(SQUARE)[:, :2]), False),
        (_uv_set(1, "light", 2 * np.array(SQUARE)[:, :2]), False),
    ],
)
def test_a_second_uv_set_is_a_light_maps_where_it_says_so_and_could_be(tmp_path: Path, second: Record, taken: bool) -> None:
    """The order of records says nothing, their numbers do."""
    model = _read(tmp_path, second, _uv_set(0, "map1", np.zeros((4, 2))))
    assert not model.mesh.uvs[:, 0].any()
    assert (model.mesh.lightmap_uvs is not None) == taken
    assert model.notes == (() if taken else ("further UV sets were left out: none is a light map's",))


def _tangents(binormal: object) -> list[Record]:
    return [
        layer("Normal", "AllSame", "Direct", table("Normals", (0, 0, 1))),
        layer("Tangent", "AllSame", "Direct", table("Tangents", (1, 0, 0))),
        layer("Binormal", "AllSame", "Direct", table("Binormals", binormal)),
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_tangents_have_the_sign_that_leads_to_the_binormal(tmp_path: Path, sign: int) -> None:
    assert np.array_equal(_read(tmp_path, *_tangents((0, sign, 0))).mesh.tangents, [(1, 0, 0, sign)] * 4)


def test_tangents_that_fit_no_frame_are_left_out(tmp_path: Path) -> None:
    model = _read(tmp_path, *_tangents((0.7, 0.1, 0.7)))
    assert model.mesh.tangents is None
    assert model.notes == ("a mesh's tangents were left out: they do not fit its normals",)
    assert _read(tmp_path, *_tangents((0, 1, 0))[:2]).mesh.tangents is None


def test_colors_are_taken_as_they_are_painted(tmp_path: Path) -> None:
    mesh = _read(tmp_path, layer("Color", "ByVertice", "Direct", table("Colors", [(0, 0.5, 1, 1), (2, -1, np.nan, 0)] * 2))).mesh
    assert {tuple(color) for color in mesh.colors.tolist()} == {(0, 128, 255, 255), (255, 0, 0, 0)}


def test_polygons_are_clipped_and_lines_are_left_out(tmp_path: Path) -> None:
    """An arrow head whose notch is its first corner, a point and a line."""
    points = ((2, 1, 0), (4, 0, 0), (2, 4, 0), (0, 0, 0))
    model = _read(tmp_path, points=points, faces=[(3,), (0, 1, 2, 3), (0, 1)])
    a, b, c = (model.mesh.positions[model.mesh.triangles[:, k]] for k in range(3))
    areas = np.cross(b - a, c - a)[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(6)
    assert model.notes == ("2 faces of fewer than 3 corners were left out",)


def _broken(points: object, corners: object) -> bytes:
    made = Made()
    made.add("Geometry", "m", "Mesh", table("Vertices", points), table("PolygonVertexIndex", corners, np.int32), under=made.add_node())
    return made.data()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_broken(SQUARE, [0, 1, 2]), "last face has no end"),
        (_broken(SQUARE, [0, 1, -6]), "refers to vertex 5 of 4"),
        (_broken(SQUARE, [0, 1, -(2**31)]), "refers to vertex 2,147,483,647 of 4"),
        (_broken([], [0, 1, -3]), "refers to vertex 2 of 0"),
        (_broken(SQUARE, []), "holds no triangles"),
        (_broken(SQUARE, [0, -2]), "holds no triangles"),
        (_broken([(np.nan, 0, 0), (1, 0, 0), (0, 1, 0)], [0, 1, -3]), "not finite"),
        (_broken([(1e300, 0, 0), (1, 0, 0), (0, 1, 0)], [0, 1, -3]), "not finite"),
        (_broken([(1, 0, 0), (1, 0, 0), (0, 1, 0)], [0, 1, -3]), "no area"),
    ],
)
def test_a_broken_mesh_is_refused_with_the_reason(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.fbx").write_bytes(data)
    with pytest.raises(ModelError, match=message):
        read_model(tmp_path / "a.fbx")
