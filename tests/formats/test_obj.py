from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from kiln.errors import ModelError
from kiln.formats.model import Model, read_model
from kiln.formats.png import encode_png
from shapes import sphere

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def _read(folder: Path, text: str) -> Model:
    (folder / "a.obj").write_text(text)
    return read_model(folder / "a.obj")


def _area(model: Model) -> float:
    a, b, c = (model.mesh.positions[model.mesh.triangles[:, k]] for k in range(3))
    return float(np.cross(b - a, c - a)[:, 2].sum() / 2)


def test_quads_negative_indices_comments_and_continued_lines(tmp_path: Path) -> None:
    model = _read(tmp_path, "# made by hand\n" + SQUARE + "f -4 -3 \\\n-2 -1 # all of it\n")
    assert np.array_equal(model.mesh.positions, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    assert model.mesh.triangle_count == 2
    assert _area(model) == 1


def test_concave_polygons_are_clipped_not_fanned(tmp_path: Path) -> None:
    """An arrow head whose notch is the second corner: a fan from the first would leave it."""
    model = _read(tmp_path, "v 0 0 0\nv 2 1 0\nv 4 0 0\nv 2 4 0\nf 2 3 4 1\n")
    a, b, c = (model.mesh.positions[model.mesh.triangles[:, k]] for k in range(3))
    areas = np.cross(b - a, c - a)[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(6)


def test_a_vertex_splits_where_its_corners_differ_and_v_runs_down(tmp_path: Path) -> None:
    text = SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0.5 0.25\nvn 0 0 2\nf 1/1/1 2/2/1 3/3/1\nf 1/4/1 3/3/1 4/2/1\n"
    mesh = _read(tmp_path, text).mesh
    assert mesh.vertex_count == 5
    assert np.array_equal(mesh.uvs, np.float32([(0, 1), (1, 1), (1, 0), (0.5, 0.75), (1, 1)]))
    assert np.array_equal(mesh.normals, [(0, 0, 1)] * 5)


@pytest.mark.parametrize("top", [1, 255])
def test_vertex_colors(tmp_path: Path, top: int) -> None:
    text = f"v 0 0 0 {top} 0 0\nv 1 0 0 0 {top} 0\nv 1 1 0 0 0 {top}\nf 1 2 3\n"
    assert np.array_equal(_read(tmp_path, text).mesh.colors[:, :3], 255 * np.eye(3))


def test_materials_and_textures_come_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "skin.png").write_bytes(encode_png(np.full((2, 2, 3), (10, 20, 30), np.uint8)))
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nKd 1 0 0\nPr 0.25\nPm 1\nnewmtl skin\nmap_Kd -s 1 1 1 C:\\work\\skin.png\nnewmtl gone\nmap_Kd gone.png\n"
    )
    uvs = "vt 0 0\nvt 1 0\nvt 1 1\n"
    faces = "usemtl skin\nf 1/1 2/2 3/3\nusemtl red\nf 1/1 3/3 4/2\nusemtl skin\nf 1/1 2/2 4/3\nusemtl gone\nf 2/1 3/2 4/3\n"
    model = _read(tmp_path, "mtllib a.mtl\n" + SQUARE + uvs + faces)
    assert [material.name for material in model.materials] == ["skin", "red", "gone"]
    assert model.mesh.material_ids.tolist() == [0, 1, 0, 2]
    assert model.materials[0].base_color[0, 0].tolist() == [10, 20, 30, 255]
    red = model.materials[1]
    assert (red.base_color_factor, red.roughness_factor, red.metallic_factor) == ((1, 0, 0, 1), 0.25, 1)
    assert model.notes == ("the texture gone.png is missing and was left out",)
    assert [file.name for file in model.inputs] == ["a.obj", "a.mtl", "skin.png"]


def test_texture_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd ../secret.png\n")
    with pytest.raises(ModelError, match="outside its own folder"):
        _read(tmp_path, "mtllib a.mtl\n" + SQUARE + "usemtl m\nf 1 2 3\n")


def test_picture_under_the_models_name_is_taken_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a_texture.png").write_bytes(encode_png(np.zeros((2, 2, 3), np.uint8)))
    model = _read(tmp_path, SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\n")
    assert model.materials[0].base_color.shape == (2, 2, 4)
    assert "a_texture.png" in model.notes[0]


def test_numbers_are_read_as_python_reads_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((200, 3)) * 10.0 ** random.integers(-6, 6, (200, 3))
    lines = [f"v {x!r} {y:.9e} {z:+.12f}" for x, y, z in values.tolist()]
    text = "\n".join(lines) + "\n" + "".join(f"f {k} {k + 1} {k + 2}\n" for k in range(1, 199))
    wanted = [[float(word) for word in line.split()[1:]] for line in lines]
    assert np.array_equal(_read(tmp_path, text).mesh.positions, np.float32(wanted))


def test_agrees_with_trimesh(tmp_path: Path) -> None:
    ball = sphere()
    trimesh.Trimesh(ball.positions, ball.triangles, process=False).export(tmp_path / "ball.obj", digits=9)
    mesh = read_model(tmp_path / "ball.obj").mesh
    assert np.allclose(mesh.positions[mesh.triangles], ball.positions[ball.triangles], atol=1e-8)
