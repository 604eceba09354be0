"""Every GLB of every engine: judged by Khronos' validator, glTF-Transform and three.js, and in numbers beside the neutral one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engines import props
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files
from oracles import CornerMesh, decoded, differences, gltf_transform, khronos, read_glb, three

PACKED = 0.03
"""How far a corner's position (m), normal, tangent, UVs and weights may move together when packed for the web: 8 bits a direction."""


def written(engine: EngineName, asset: Asset, folder: Path, **options: Any) -> list[Path]:
    """The engine's GLBs on disk."""
    files = engine_files(engine, props.handover(asset, **options)).files
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return [folder / path for path in sorted(files) if path.endswith(".glb")]


@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_nobody_has_anything_to_say_against_a_glb(make: Callable[[], Asset], tmp_path: Path) -> None:
    engines: tuple[EngineName, ...] = ("godot", "blender", "portable")
    paths = [path for engine in engines for path in written(engine, make(), tmp_path / engine)]
    for found in khronos(*paths):
        assert (found["errors"], found["warnings"]) == (0, 0), found["messages"]
    for told in gltf_transform(*paths):
        assert told["warnings"] == [] and told["extensions"] == []
    assert all(three(*paths))


@pytest.mark.parametrize("engine", ["godot", "blender", "portable"])
@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_the_game_mesh_is_the_neutral_packages(engine: EngineName, make: Callable[[], Asset], tmp_path: Path) -> None:
    asset = make()
    (tmp_path / "neutral.glb").write_bytes(props.neutral(asset))
    meant = read_glb(tmp_path / "neutral.glb")[asset.name]
    written(engine, asset, tmp_path)
    assert max(differences(read_glb(tmp_path / f"{asset.name}.glb")[asset.name], meant).values()) == 0


@pytest.mark.parametrize("compression", ["meshopt", "draco", "none"])
@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_the_webs_packed_mesh_unpacks_to_the_same_surface(make: Callable[[], Asset], compression: str, tmp_path: Path) -> None:
    asset = make()
    [packed] = written("web", asset, tmp_path, compression=compression)
    (tmp_path / "neutral.glb").write_bytes(props.neutral(asset))
    [found] = read_glb(decoded(packed, tmp_path / "plain.glb")).values()
    meant = read_glb(tmp_path / "neutral.glb")[asset.name]
    assert found.positions.shape == meant.positions.shape
    one, other = corners(found, sorted(meant.weights)), corners(meant, sorted(meant.weights))
    # Packing may reorder triangles and turn their corners: each corner has its like, both ways.
    assert max(cKDTree(a).query(b)[0].max() for a, b in ((one, other), (other, one))) <= PACKED
    [judged] = khronos(packed)
    assert (judged["errors"], judged["warnings"]) == (0, 0), judged["messages"]


def corners(mesh: CornerMesh, joints: list[str]) -> np.ndarray:
    """Everything a corner carries, as one row."""
    nothing = np.zeros(len(mesh.positions))
    assert mesh.normals is not None and mesh.tangents is not None and mesh.bitangents is not None
    weights = [mesh.weights.get(joint, nothing)[:, None] for joint in joints]
    return np.concatenate([mesh.positions, mesh.normals, mesh.tangents, mesh.bitangents, *mesh.uvs, *weights], axis=1)
