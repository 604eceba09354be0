from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest
import trimesh

from kiln.asset import Material, Mesh
from kiln.errors import ModelError
from kiln.formats.model import Model, read_model
from kiln.formats.obj_write import write_obj
from kiln.formats.package_layout import texture_pixels
from kiln.formats.png import encode_pngs
from kiln.geometry.normals import smooth_normals
from shapes import cube, mesh, refined, sphere


def _read(folder: Path, solid: Mesh, materials: tuple[Material, ...] = ()) -> Model:
    textures = encode_pngs(texture_pixels("a", materials))
    for path, data in (textures | write_obj("a", solid, materials, textures)).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    return read_model(folder / "a.obj")


def _corners(solid: Mesh, *attributes: str) -> np.ndarray:
    """Attributes of all triangles' corners, side by side."""
    return np.concatenate([getattr(solid, name)[solid.triangles] for name in attributes], axis=2)


def _split_ball() -> Mesh:
    """Awkward numbers; a seam of UVs through the whole ball, so that positions are shared and vertices are not."""
    ball = sphere(6, 8, radius=1 / 3)
    ball = replace(ball, normals=smooth_normals(ball))
    ball = ball.take_vertices(ball.triangles.ravel(), np.arange(3 * ball.triangle_count, dtype=np.uint32).reshape(-1, 3))
    uvs = np.random.default_rng(0).random((ball.vertex_count, 2), np.float32)
    uvs[: ball.vertex_count // 2] = uvs[0]
    return replace(ball, uvs=uvs)


def test_every_corner_comes_back(tmp_path: Path) -> None:
    ball = _split_ball()
    read = _read(tmp_path, ball).mesh
    assert np.array_equal(_corners(read, "positions"), _corners(ball, "positions"))
    assert np.allclose(_corners(read, "uvs", "normals"), _corners(ball, "uvs", "normals"), atol=1e-7)


def test_equal_positions_uvs_and_normals_are_written_once() -> None:
    ball = _split_ball()
    lines = write_obj("a", ball, (), {})["a.obj"].decode().splitlines()
    count = {word: sum(line.startswith(f"{word} ") for line in lines) for word in ("v", "vt", "vn", "f")}
    distinct = {"v": ball.positions, "vt": ball.uvs, "vn": ball.normals}
    assert count == {word: len(np.unique(table, axis=0)) for word, table in distinct.items()} | {"f": ball.triangle_count}


def test_other_readers_read_the_same_numbers(tmp_path: Path) -> None:
    ball = _split_ball()
    _read(tmp_path, ball)
    theirs = trimesh.load(tmp_path / "a.obj", process=False)
    assert np.allclose(theirs.vertices[theirs.faces], _corners(ball, "positions"), atol=1e-8)
    assert np.allclose(theirs.vertex_normals[theirs.faces], _corners(ball, "normals"), atol=1e-6)
    assert np.allclose(theirs.visual.uv[theirs.faces] * (1, -1) + (0, 1), _corners(ball, "uvs"), atol=1e-7)
    _read(tmp_path, replace(ball, uvs=None, normals=None))  # meshio wants as many of them as of positions
    points = meshio.read(tmp_path / "a.obj")
    assert np.array_equal(points.points[points.cells_dict["triangle"]].astype(np.float32), _corners(ball, "positions"))


@pytest.mark.parametrize("kept", [(), ("uvs",), ("normals",), ("uvs", "normals")])
def test_attributes_that_are_missing_are_missing(tmp_path: Path, kept: tuple[str, ...]) -> None:
    ball = _split_ball()
    read = _read(tmp_path, replace(ball, **{name: None for name in ("uvs", "normals") if name not in kept})).mesh
    assert (read.uvs is not None, read.normals is not None) == ("uvs" in kept, "normals" in kept)
    assert np.allclose(_corners(read, "positions", *kept), _corners(ball, "positions", *kept), atol=1e-7)


def test_vertex_colours_come_back_to_the_byte(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (8, 4), np.uint8)
    box = replace(cube(), colors=colors)
    read = _read(tmp_path, box).mesh
    assert np.array_equal(_corners(read, "positions"), _corners(box, "positions"))
    assert np.array_equal(_corners(read, "colors")[..., :3], _corners(box, "colors")[..., :3])


def test_vertices_of_two_colours_stay_two(tmp_path: Path) -> None:
    """At one place, red and green."""
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0)] * 2
    colors = np.repeat(np.uint8([(255, 0, 0, 255), (0, 255, 0, 255)]), 3, axis=0)
    read = _read(tmp_path, mesh(places, [(0, 1, 2), (3, 5, 4)], colors=colors)).mesh
    assert _corners(read, "colors")[:, 0].tolist() == [[255, 0, 0, 255], [0, 255, 0, 255]]


def test_groups_of_materials_under_names_that_differ(tmp_path: Path) -> None:
    ids = np.uint32([2, 0] * 6)
    materials = tuple(Material(name="skin deep", roughness_factor=value) for value in (0.25, 0.5, 0.75))
    read = _read(tmp_path, replace(cube(), material_ids=ids), materials)
    assert [(m.name, m.roughness_factor) for m in read.materials] == [("skin_deep", 0.25), ("skin_deep_3", 0.75)]
    assert np.array_equal(read.mesh.material_ids, np.sort(ids) // 2)
    assert np.array_equal(_corners(read.mesh, "positions"), _corners(cube(), "positions")[np.argsort(ids, kind="stable")])


def test_same_input_gives_same_bytes() -> None:
    assert write_obj("a", _split_ball(), (Material(),), {}) == write_obj("a", _split_ball(), (Material(),), {})


def test_seventy_thousand_vertices(tmp_path: Path) -> None:
    ball = refined(cube(), 7)
    assert np.array_equal(_corners(_read(tmp_path, ball).mesh, "positions"), _corners(ball, "positions"))


def test_nothing_to_write_is_said() -> None:
    with pytest.raises(ModelError, match="no triangles"):
        write_obj("a", mesh(np.zeros((3, 3)), np.zeros((0, 3))), (), {})
