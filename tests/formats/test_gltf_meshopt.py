"""GLBs packed by meshopt, read by three.js and glTF-Transform and compared number by number with what went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.props import ball, many, neutral, prop, skinned
from engines.readers.glb_file import joint_matrices
from kiln.asset import Asset, Mesh
from kiln.formats.asset_files import game_mesh
from kiln.formats.gltf_meshopt import NORMAL_BITS, POSITION_BITS, TANGENT_BITS, UV_BITS, meshopt_glb
from kiln.formats.gltf_write import Part, write_glb
from kiln.formats.vertex_color import to_linear
from kiln.geometry.cache_order import in_cache_order
from oracles import decoded
from packed import ThreeMesh, assert_khronos_is_silent, colored, document_of, largest_angle, meshopt_sizes, three_packed, turned, written
from shapes import grid, mesh


def packed(asset: Asset) -> bytes:
    return meshopt_glb(*document_of(asset))


def alone(one: Mesh) -> Asset:
    return Asset(name="Alone", source=one)


ASSETS = {
    "prop": prop(),
    "several materials": many(),
    "skinned": skinned(),
    "300 bones": skinned(bones=300),
    "everything": colored(8),
    "one triangle": alone(mesh([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2)])),
    "one point": alone(mesh([(2, 3, 4)] * 3, [(0, 1, 2)])),
    "beyond 16 bits": alone(in_cache_order(grid(280, 250))),
    "tiny": alone(ball().moved(scale=1e-4)),
    "huge and far": alone(ball().moved(scale=1e4, offset=np.float32((1e5, 0, 0)))),
    "UVs beyond the square": alone(replace(ball(), uvs=ball().uvs * np.float32(7) - 2)),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written({key: packed(asset) for key, asset in ASSETS.items()}, tmp_path_factory.mktemp("meshopt"))


@pytest.fixture(scope="module")
def loaded(files: dict[str, Path]) -> dict[str, list[ThreeMesh]]:
    return dict(zip(files, three_packed(*files.values()), strict=True))


def test_khronos_finds_nothing(files: dict[str, Path]) -> None:
    assert_khronos_is_silent(files)


@pytest.mark.parametrize("key", ASSETS)
def test_three_reads_what_went_in(key: str, loaded: dict[str, list[ThreeMesh]]) -> None:
    meant = game_mesh(ASSETS[key])
    for found in loaded[key]:
        position = found.attributes["position"]
        side = float(np.ptp(meant.positions, axis=0).max())
        rounding = float(np.abs(meant.positions).max()) * 2.0**-22
        assert np.array_equal(found.matrix, np.eye(4)), "the pivot must stay"
        assert np.abs(position - meant.positions).max() <= side * 2.0 ** (-0.5 - POSITION_BITS) * 1.001 + rounding
        if meant.normals is not None:
            assert largest_angle(found.attributes["normal"], meant.normals) <= 4.3 / 2**NORMAL_BITS
        if meant.tangents is not None:
            assert largest_angle(found.attributes["tangent"][:, :3], meant.tangents[:, :3]) <= 4.3 / 2**TANGENT_BITS + 0.9 / 127
            assert np.array_equal(found.attributes["tangent"][:, 3], meant.tangents[:, 3])
        for name, uvs in (("uv", meant.uvs), ("uv1", meant.lightmap_uvs)):
            if uvs is not None:
                assert np.abs(found.attributes[name] - uvs).max() <= np.ptp(uvs, axis=0).max() * 2.0 ** (-0.5 - UV_BITS) * 1.001
    triangles = np.concatenate([found.triangles for found in loaded[key]])
    wanted = [meant.triangles[ids == i] for ids in [_ids(meant)] for i in np.unique(ids)]
    assert np.array_equal(turned(triangles), turned(np.concatenate(wanted)))


def _ids(one: Mesh) -> np.ndarray:
    return np.zeros(one.triangle_count, int) if one.material_ids is None else one.material_ids


def test_colors_and_weights_arrive(loaded: dict[str, list[ThreeMesh]]) -> None:
    meant, (found,) = ASSETS["everything"].mesh, loaded["everything"]
    assert found.bones == 12
    assert np.array_equal(np.round(found.attributes["color"] * 65535), to_linear(meant.colors))
    four = meant.weights[:, :4].sum(axis=1, keepdims=True)  # three makes its first four sum to one
    assert np.abs(found.attributes["skinWeight"] * four - meant.weights[:, :4]).max() < 2 / 255
    assert np.abs(found.attributes["weights_1"] - meant.weights[:, 4:]).max() < 1 / 255
    used = np.hstack([found.attributes["skinWeight"], found.attributes["weights_1"]]) > 0
    assert np.array_equal(np.hstack([found.attributes["skinIndex"], found.attributes["joints_1"]]), meant.joints * used)


def test_gltf_transform_reads_the_skin_as_the_neutral_file(files: dict[str, Path], tmp_path: Path) -> None:
    for key in ("skinned", "300 bones"):
        (tmp_path / "neutral.glb").write_bytes(neutral(ASSETS[key]))
        wanted = joint_matrices(tmp_path / "neutral.glb")
        found = joint_matrices(decoded(files[key], tmp_path / "plain.glb"))
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[joint], wanted[joint]) for joint in wanted)


def test_files_are_as_small_as_others_make_them(tmp_path: Path) -> None:
    """At more bits for normals; glTF-Transform orders triangles itself."""
    egg = in_cache_order(ball(60, 80))
    for name, one in (("egg", egg), ("sheet", in_cache_order(grid(60, 60)))):
        (tmp_path / name).write_bytes(write_glb([Part(name=name, mesh=one)]))
        (theirs,) = meshopt_sizes((tmp_path / name).rename(tmp_path / f"{name}.glb"))
        assert len(packed(alone(one))) <= 1.05 * theirs


def test_the_same_asset_gives_the_same_bytes() -> None:
    assert packed(prop()) == packed(prop())
