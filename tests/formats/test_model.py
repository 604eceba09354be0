from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kiln.errors import ModelError
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.model import read_model
from shapes import cube, tetrahedron

OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.obj", b"", "is empty"),
        ("a.dae", b"x", r"\.dae is not a mesh file Kiln reads; it reads \.glb, \.gltf, \.fbx, \.obj, \.ply, \.stl"),
        ("a.fbx", b"\x89PNG\r\n\x1a\n", "content is a PNG file"),
        ("a.obj", b"Kaydara FBX Binary  \0", "content is a FBX file"),
        ("a", b"x", "no extension"),
        ("a.glb", b"\x89PNG\r\n\x1a\n", "content is a PNG file"),
        ("a.ply", b"glTF\2\0\0\0", "content is a GLB file"),
        ("a.stl", b"ply\nformat ascii 1.0\n", "content is a PLY file"),
        ("a.gltf", b"solid x", "begins with {"),
        ("a.glb", b"solid x", "begins with glTF"),
        ("a.obj", b"\0\1\2\3", "not text"),
        ("a.obj", OBJ, "no faces"),
        ("a.obj", b"hello world\n", "no faces"),
        ("a.obj", OBJ + b"f 1 2 3 9\n", "1 face corners refer to vertices that do not exist"),
        ("a.obj", OBJ + b"f 1 2\n", "no faces of 3"),
        ("a.obj", b"v nan 0 0\nv 1 inf 0\nv 0 1 0\nf 1 2 3\n", "2 of 3 positions are not finite"),
        ("a.obj", b"v 0 0 0\nv 1 1 1\nv 2 2 2\nf 1 2 3\nf 1 1 2\n", "all of its 2 faces are degenerate"),
        ("a.obj", b"v 0 0 0\nv 1e20 0 0\nv 0 1 0\nf 1 2 3\n", "in other units"),
        ("a.obj", OBJ + b"mtllib ../evil.mtl\nf 1 2 3\n", "outside its own folder"),
    ],
)
def test_bad_files_are_refused_with_the_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=reason) as caught:
        read_model(tmp_path / name)
    assert str(caught.value).startswith(name)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.glb").mkdir()
    for name, reason in (("gone.glb", "there is no file"), ("folder.glb", "is a folder")):
        with pytest.raises(ModelError, match=reason):
            read_model(tmp_path / name)


def test_every_input_is_named_with_its_hash(tmp_path: Path) -> None:
    data = write_glb([Part(name="x", mesh=cube())])
    (tmp_path / "Größe 2.glb").write_bytes(data)
    model = read_model(tmp_path / "Größe 2.glb")
    assert model.name == "Grosse_2"
    assert [(file.name, file.size, file.sha256) for file in model.inputs] == [("Größe 2.glb", len(data), hashlib.sha256(data).hexdigest())]


def test_z_up_files_are_stood_up_and_gltf_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(b"v 0 0 0\nv 1 0 0\nv 0 0 3\nf 1 2 3\n")
    assert read_model(tmp_path / "a.obj", up="z").mesh.positions[2].tolist() == [0, 3, 0]
    (tmp_path / "a.glb").write_bytes(write_glb([Part(name="x", mesh=tetrahedron())]))
    assert np.array_equal(read_model(tmp_path / "a.glb", up="z").mesh.positions, tetrahedron().positions)


def test_a_million_separate_pieces_are_read(tmp_path: Path) -> None:
    count = 1_000_000
    records = np.zeros((count, 50), np.uint8)
    corners = np.float32([(0, 0, 0), (1, 0, 0), (0, 1, 0)])[None] + np.arange(count, dtype=np.float32)[:, None, None]
    records[:, 12:48] = corners.reshape(count, 9).view(np.uint8)
    (tmp_path / "a.stl").write_bytes(bytes(80) + count.to_bytes(4, "little") + records.tobytes())
    assert read_model(tmp_path / "a.stl").mesh.triangle_count == count


def test_a_mesh_far_out_is_brought_to_the_origin_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "far.obj").write_text("v 5000 100 -9000\nv 5001 100 -9000\nv 5000 101 -9000\nf 1 2 3\n")
    model = read_model(tmp_path / "far.obj")
    assert model.mesh.positions.tolist() == [[-0.5, -0.5, 0], [0.5, -0.5, 0], [-0.5, 0.5, 0]]
    assert model.notes == ("it lies far from the origin and was moved there, from (5000.5, 100.5, -9000) m",)
