from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest
import trimesh

from kiln.errors import ModelError
from kiln.formats.model import Model, read_model
from shapes import cube, sphere

HEADER = """ply
format ascii 1.0
comment by hand
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
{more}end_header
0 0 0 0 0 1
1 0 0 255 0 0
1 1 0 0 255 0
0 1 0 0 0 255
"""


def _read(folder: Path, data: str | bytes) -> Model:
    (folder / "a.ply").write_bytes(data.encode() if isinstance(data, str) else data)
    return read_model(folder / "a.ply")


def test_ascii_with_polygons_of_several_sizes_and_colors(tmp_path: Path) -> None:
    mesh = _read(tmp_path, HEADER.format(faces=2, more="") + "4 0 1 2 3\n3 0 1 2\n").mesh
    assert mesh.triangle_count == 3
    assert mesh.colors.tolist() == [[0, 0, 1, 255], [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]]


def test_uvs_of_corners_split_vertices(tmp_path: Path) -> None:
    text = HEADER.format(faces=2, more="property list uchar float texcoord\n")
    mesh = _read(tmp_path, text + "3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 0.5 0 1 1 0 1\n").mesh
    assert mesh.vertex_count == 5
    assert mesh.uvs[mesh.triangles[1]].tolist() == [[0.5, 1], [1, 0], [0, 0]]


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_agrees_with_trimesh(tmp_path: Path, encoding: str) -> None:
    ball = sphere()
    colors = np.random.default_rng(0).integers(0, 256, (ball.vertex_count, 4), dtype=np.uint8)
    theirs = trimesh.Trimesh(ball.positions, ball.triangles, process=False, vertex_colors=colors)
    mesh = _read(tmp_path, theirs.export(file_type="ply", encoding=encoding)).mesh
    assert np.allclose(mesh.positions, ball.positions, atol=1e-7)
    assert np.array_equal(mesh.triangles, ball.triangles)
    assert np.array_equal(mesh.colors, colors)


@pytest.mark.parametrize("binary", [False, True])
def test_agrees_with_meshio_on_mixed_faces(tmp_path: Path, binary: bool) -> None:
    box = cube()
    cells = [("triangle", box.triangles[:10].astype(np.int32)), ("quad", np.int32([[5, 7, 3, 1]]))]
    meshio.Mesh(box.positions, cells).write(tmp_path / "a.ply", binary=binary)
    mesh = read_model(tmp_path / "a.ply").mesh
    assert np.array_equal(mesh.positions, box.positions)
    assert np.array_equal(mesh.triangles[:10], box.triangles[:10])
    assert mesh.triangle_count == 12


def test_big_endian_doubles_and_records_between(tmp_path: Path) -> None:
    head = (
        "ply\nformat binary_big_endian 1.0\nelement vertex 3\nproperty double x\nproperty double y\nproperty double z\n"
        "element edge 2\nproperty int a\nelement face 1\nproperty uchar flag\nproperty list int uint vertex_index\nend_header\n"
    )
    points = np.array([(0, 0, 0), (2, 0, 0), (0, 3, 0)], ">f8")
    body = points.tobytes() + bytes(8) + b"\7" + np.array([3, 0, 1, 2], ">i4").tobytes()
    mesh = _read(tmp_path, head.encode() + body).mesh
    assert np.array_equal(mesh.positions, points.astype(np.float32))
    assert mesh.triangles.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ply\nformat ascii 1.0\nelement vertex 3\n", "no complete PLY header"),
        ("ply\nformat binary 1.0\nelement vertex 1\nelement face 1\nend_header\n", "names no format"),
        ("ply\nformat ascii 1.0\nproperty\nend_header\n", "does not know"),
        ("ply\nformat ascii 1.0\nelement vertex 3\nproperty list float int x\nend_header\n", "does not know"),
        ("ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nend_header\n1\n2\n3\n", "no faces, only 3 points"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty float f_dc_0\nend_header\n1\n", "Gaussian splats"),
        (HEADER.format(faces=3, more="") + "3 0 1 2\n", "declares 3 face records and holds fewer"),
        (HEADER.format(faces=1, more="") + "3 0 1 4\n", "beyond the 4"),
        (HEADER.format(faces=1, more="") + "3 0 1 -1\n", "beyond the 4"),
        (HEADER.format(faces=1, more="") + "2 0 1\n", "no faces of 3"),
        (HEADER.format(faces=10**12, more="") + "3 0 1 2\n", "triangles, more than"),
        (HEADER.format(faces=1, more="") + "3000000000 0 1 2\n", "holds fewer"),
    ],
)
def test_damage_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        _read(tmp_path, text)
