"""Every GLB of every engine: judged by Khronos' validator, glTF-Transform and three.js, and in numbers beside the neutral one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import props
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files
from oracles import decoded, differences, gltf_transform, khronos, read_glb, three

WEB_TOLERANCE = {"positions": 1e-4, "normals": 0.02, "tangents": 0.02, "bitangents": 0.03, "uv0": 2e-4, "uv1": 2e-4}
"""What packing for the web may cost: 14 bits of a metre, 8 bits of a direction, 12 of UVs."""


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
    found = read_glb(decoded(packed, tmp_path / "plain.glb"))
    meant = read_glb(tmp_path / "neutral.glb")[asset.name]
    [mesh] = found.values()
    assert mesh.positions.shape == meant.positions.shape
    # Packing may reorder triangles and turn their corners: every corner has its like.
    key = [np.round(m.positions, 3) for m in (mesh, meant)]
    order = [np.lexsort((*m.uvs[0].round(3).T, *k.T)) for m, k in zip((mesh, meant), key, strict=True)]
    far = np.abs(mesh.positions[order[0]] - meant.positions[order[1]]).max()
    assert far <= 2e-3
    for found_report in khronos(packed):
        assert (found_report["errors"], found_report["warnings"]) == (0, 0), found_report["messages"]
