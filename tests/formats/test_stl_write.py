from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest
import trimesh
from trimesh.exchange.stl import load_stl_binary

from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.formats.model import read_model
from kiln.formats.stl_write import write_stl
from shapes import mesh, tetrahedron


def _written(folder: Path, solid: Mesh) -> Path:
    file = folder / "a.stl"
    file.write_bytes(write_stl("a", solid))
    return file


def _normals(folder: Path) -> np.ndarray:
    """As trimesh finds them in the file."""
    with (folder / "a.stl").open("rb") as file:
        return load_stl_binary(file)["face_normals"]


def test_millimetres_standing_on_the_plate(tmp_path: Path) -> None:
    """1 m up (+Y) is 1,000 mm up (+Z), and the front (+Z) is -Y: a rotation, so triangles still look outwards."""
    solid = tetrahedron()
    read = meshio.read(_written(tmp_path, solid))
    corners = read.points[read.cells_dict["triangle"]]
    turn = np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)])
    assert np.array_equal(corners, 1000 * solid.positions[solid.triangles] @ turn.T)
    normals = np.array([(0, 0, -1), (0, -1, 0), (-1, 0, 0), np.full(3, 3**-0.5)]) @ turn.T
    assert np.allclose(_normals(tmp_path), normals, atol=1e-7)
    printed = trimesh.load(tmp_path / "a.stl")
    assert printed.is_watertight
    assert printed.volume == pytest.approx(1e9 / 6)


def test_own_reader_finds_every_triangle(tmp_path: Path) -> None:
    read = read_model(_written(tmp_path, tetrahedron())).mesh
    assert (read.vertex_count, read.triangle_count) == (4, 4)


def test_triangle_without_area_has_no_normal(tmp_path: Path) -> None:
    _written(tmp_path, mesh([(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0)], [(0, 1, 2), (0, 1, 3)]))
    assert np.array_equal(_normals(tmp_path), [(0, 0, 0), (0, -1, 0)])


def test_tiny_triangles_have_normals(tmp_path: Path) -> None:
    _written(tmp_path, mesh(np.eye(3) * 1e-9, [(0, 1, 2)]))
    assert np.allclose(_normals(tmp_path), [(3**-0.5, -(3**-0.5), 3**-0.5)])


def test_header_is_no_ascii_file_and_holds_any_name() -> None:
    data = write_stl("solid_" + "x" * 100, tetrahedron())
    assert data[:4] == b"Kiln"
    assert len(data) == 84 + 4 * 50
    assert data == write_stl("solid_" + "x" * 100, tetrahedron())


def test_nothing_to_write_is_said() -> None:
    with pytest.raises(ModelError, match="no triangles"):
        write_stl("a", mesh(np.zeros((3, 3)), np.zeros((0, 3))))
