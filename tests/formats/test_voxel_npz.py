"""Voxel files: what is read, in which frame, and what is refused with which words."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kiln.asset import Voxels
from kiln.errors import ModelError
from kiln.formats.model import Model, read_model

GOOD = {
    "vertices": np.array([(0, 0, 0), (1, 0, 0), (0, 0, 1)], np.float32),
    "faces": np.array([(0, 1, 2)], np.int64),
    "coords": np.array([(0, 0, 0), (3, 2, 1)], np.int32),
    "attrs": np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 6),
    "origin": np.array([-0.5, -0.5, -0.5], np.float32),
    "voxel_size": np.float64(0.25),
}


def read(folder: Path, **changes: object) -> Model:
    path = folder / "thing.npz"
    np.savez_compressed(path, **{name: value for name, value in (GOOD | changes).items() if value is not None})
    return read_model(path)


def centres(voxels: Voxels) -> np.ndarray:
    return np.array(voxels.origin) + (voxels.cells + 0.5) * voxels.size


def test_mesh_and_grid_are_stood_up_together(tmp_path: Path) -> None:
    model, upright = read(tmp_path), read(tmp_path, up=np.array("y"))
    turn = np.array([(1, 0, 0), (0, 0, 1), (0, -1, 0)])
    assert np.allclose(model.mesh.positions, upright.mesh.positions @ turn.T)
    assert np.allclose(centres(model.voxels), centres(upright.voxels) @ turn.T)
    assert np.allclose(centres(upright.voxels)[1], (0.375, 0.125, -0.125))
    assert model.voxels.layout == ("red", "green", "blue", "metallic", "roughness", "alpha")


def test_a_layout_names_the_channels(tmp_path: Path) -> None:
    model = read(tmp_path, attrs=GOOD["attrs"][:, :2], layout=np.array(["roughness", "alpha"]))
    assert model.voxels.layout == ("roughness", "alpha")


def test_a_far_mesh_takes_its_grid_home(tmp_path: Path) -> None:
    far = np.array([5000, 0, 0], np.float32)
    near, moved = read(tmp_path), read(tmp_path, vertices=GOOD["vertices"] + far, origin=GOOD["origin"] + far)
    offset = moved.mesh.positions - near.mesh.positions
    assert np.allclose(centres(moved.voxels) - centres(near.voxels), offset[:1], atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"coords": None}, "no coords"),
        ({"faces": np.array([(0, 1, 3)])}, "vertex 3 of 3"),
        ({"faces": np.array([(0, 1, -1)])}, "before the first"),
        ({"vertices": np.zeros((3, 2), np.float32)}, "shape"),
        ({"coords": np.zeros((2, 3), np.float32)}, "whole numbers"),
        ({"attrs": np.zeros((3, 6), np.float32)}, "one row each"),
        ({"attrs": np.full((2, 6), np.nan, np.float32)}, "not finite"),
        ({"attrs": np.zeros((2, 4), np.float32)}, "layout"),
        ({"layout": np.array(["red"] * 6)}, "layout"),
        ({"layout": np.array(list("rgbmsa"))}, "layout"),
        ({"voxel_size": np.float64(0)}, "positive"),
        ({"voxel_size": np.array("large")}, "voxel_size"),
        ({"origin": np.zeros(2)}, "origin"),
        ({"coords": np.full((2, 3), 1 << 24, np.int32)}, "not positions"),
        ({"up": np.array("w")}, "up axis"),
        ({"attrs": np.array([[object()] * 6] * 2)}, "readable"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read(tmp_path, **changes)


@pytest.mark.parametrize("keep", [10, 200, -30])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    file = io.BytesIO()
    np.savez(file, **GOOD)
    (tmp_path / "cut.npz").write_bytes(file.getvalue()[:keep])
    with pytest.raises(ModelError, match=r"cut\.npz"):
        read_model(tmp_path / "cut.npz")


def test_a_header_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000, 3), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("vertices.npy", b"\x93NUMPY\x01\x00v\x00" + header)
    with pytest.raises(ModelError, match="not a readable"):
        read_model(tmp_path / "bomb.npz")
