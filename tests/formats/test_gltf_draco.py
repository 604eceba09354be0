"""GLBs packed by Draco, read by three.js with the decoder that it ships and by glTF-Transform, and compared with what went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engines.props import ball, many, neutral, prop, skinned
from engines.readers.glb_file import joint_matrices
from kiln.asset import Asset, Mesh
from kiln.errors import BackendError
from kiln.formats.asset_files import game_mesh
from kiln.formats.draco import NORMAL_BITS, POSITION_BITS, UV_BITS, encode_draco
from kiln.formats.gltf_draco import draco_glb
from oracles import decoded
from packed import ThreeMesh, assert_khronos_is_silent, colored, document_of, largest_angle, three_packed, turned, written
from shapes import grid, mesh


def packed(asset: Asset) -> bytes:
    return draco_glb(*document_of(asset))


ASSETS = {
    "prop": prop(),
    "several materials": many(),
    "skinned": skinned(),
    "everything": colored(4),
    "one triangle": Asset(name="One", source=mesh([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2)])),
    "beyond 16 bits": Asset(name="Sheet", source=grid(280, 250)),
    "far": Asset(name="Far", source=ball().moved(offset=np.float32((1000, 0, 0)))),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written({key: packed(asset) for key, asset in ASSETS.items()}, tmp_path_factory.mktemp("draco"))


@pytest.fixture(scope="module")
def loaded(files: dict[str, Path]) -> dict[str, list[ThreeMesh]]:
    return dict(zip(files, three_packed(*files.values()), strict=True))


def test_khronos_finds_nothing(files: dict[str, Path]) -> None:
    assert_khronos_is_silent(files)


def origins(found: ThreeMesh, meant: Mesh) -> np.ndarray:
    """Which vertex each decoded one was: the nearest by position, normal, UVs and tangent."""
    mine, its = [meant.positions], [found.attributes["position"]]
    for key, array in (("normal", meant.normals), ("uv", meant.uvs), ("tangent", meant.tangents)):
        if array is not None:
            mine.append(array)
            its.append(found.attributes[key])
    return cKDTree(np.hstack(mine)).query(np.hstack(its))[1]


@pytest.mark.parametrize("key", ASSETS)
def test_three_reads_what_went_in(key: str, loaded: dict[str, list[ThreeMesh]]) -> None:
    meant = game_mesh(ASSETS[key])
    triangles = []
    for found in loaded[key]:
        source = origins(found, meant)
        triangles.append(source[found.triangles])
        rounding = float(np.abs(meant.positions).max()) * 2.0**-23
        half_step = np.ptp(meant.positions, axis=0).max() * 2.0 ** (-1 - POSITION_BITS) * 1.001
        assert np.abs(found.attributes["position"] - meant.positions[source]).max() <= half_step + rounding
        if meant.normals is not None:
            assert largest_angle(found.attributes["normal"], meant.normals[source]) <= 4.3 / 2**NORMAL_BITS
        if meant.uvs is not None:
            half_step = np.ptp(meant.uvs, axis=0).max() * 2.0 ** (-1 - UV_BITS) * 1.001
            assert np.abs(found.attributes["uv"] - meant.uvs[source]).max() <= half_step + 1e-7
        if meant.lightmap_uvs is not None:
            assert np.array_equal(found.attributes["uv1"], meant.lightmap_uvs[source])
        if meant.tangents is not None:
            assert np.abs(found.attributes["tangent"] - meant.tangents[source]).max() <= 0.5 / 127 + 1e-6
        if meant.weights is not None and meant.joints is not None:
            weights = found.attributes["skinWeight"]
            assert np.abs(weights - meant.weights[source]).max() < 1 / 255
            assert np.array_equal(found.attributes["skinIndex"], meant.joints[source] * (weights > 0))
    assert np.array_equal(*(np.unique(turned(all_of), axis=0) for all_of in (np.concatenate(triangles), meant.triangles)))


def test_gltf_transform_reads_the_skin_as_the_neutral_file(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "neutral.glb").write_bytes(neutral(ASSETS["skinned"]))
    wanted = joint_matrices(tmp_path / "neutral.glb")
    found = joint_matrices(decoded(files["skinned"], tmp_path / "plain.glb"))
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[joint], wanted[joint]) for joint in wanted)


def test_equal_vertices_keep_what_stands_beside_the_stream(tmp_path: Path) -> None:
    """Two corners alike in all that Draco sees: it must not join them, or the tangents' order is lost."""
    twice = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 0), (0, 1, 0), (-1, 0, 0)], [(0, 1, 2), (3, 4, 5)])
    stream = encode_draco(twice.positions, twice.triangles)
    assert sorted(stream.source.tolist()) == [0, 1, 2, 3, 4, 5]
    assert stream.triangle_count == 2


def test_a_mesh_that_draco_cannot_pack_is_an_error() -> None:
    with pytest.raises(BackendError):
        encode_draco(np.zeros((3, 3), np.float32), np.zeros((1, 3), np.uint32))


def test_the_same_asset_gives_the_same_bytes() -> None:
    assert packed(prop()) == packed(prop())
