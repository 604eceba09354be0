from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from kiln.errors import ModelError
from kiln.formats.model import read_model
from shapes import cube


def _cube_file(folder: Path, kind: str) -> Path:
    box, file = cube(), folder / "a.stl"
    trimesh.Trimesh(box.positions, box.triangles, process=False).export(file, file_type=kind)
    return file


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_corners_are_welded(tmp_path: Path, kind: str) -> None:
    mesh, box = read_model(_cube_file(tmp_path, kind)).mesh, cube()
    assert mesh.vertex_count == 8
    assert np.array_equal(mesh.positions[mesh.triangles], box.positions[box.triangles])


def test_binary_file_that_begins_with_solid_is_binary(tmp_path: Path) -> None:
    file = _cube_file(tmp_path, "stl")
    file.write_bytes(b"solid " + file.read_bytes()[6:])
    assert read_model(file).mesh.triangle_count == 12


@pytest.mark.parametrize(
    ("kind", "kept", "reason"),
    [
        ("stl", 200, "declares 12 triangles and holds 2"),
        ("stl", 60, "cut short"),
        ("stl", 84, "declares 12"),
        ("stl_ascii", 200, "cut short|no faces"),
    ],
)
def test_cut_files_are_refused(tmp_path: Path, kind: str, kept: int, reason: str) -> None:
    file = _cube_file(tmp_path, kind)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match=reason):
        read_model(file)


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    file = _cube_file(tmp_path, "stl")
    data = bytearray(file.read_bytes())
    data[96:100] = np.float32("nan").tobytes()
    file.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="1 of 9 positions are not finite"):
        read_model(file)
