"""The godot folder dropped into a project of Godot 4: nothing in the log, and colliders, channels and sizes as they are meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import props
from engines.readers.godot import GodotImport, godot_import
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files
from oracles import read_glb

pytestmark = pytest.mark.long

ASSETS: dict[str, Asset] = {"Egg": props.prop(), "Patchwork": props.many(), "Worm": props.skinned()}


@pytest.fixture(scope="module", params=["godot", "portable"])
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[EngineName, Path, GodotImport]:
    """One import for all assets: Godot takes seconds to start."""
    engine: EngineName = request.param
    folder = tmp_path_factory.mktemp("kiln") / "dropped"
    for asset in ASSETS.values():
        for path, data in engine_files(engine, props.handover(asset)).files.items():
            (folder / asset.name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / asset.name / path).write_bytes(data)
    return engine, folder, godot_import(folder, tmp_path_factory.mktemp("project"))


def meshes(found: GodotImport, name: str) -> list[dict[str, Any]]:
    return [node["mesh"] for node in found.nodes(f"dropped/{name}/{name}.glb", "MeshInstance3D") if "mesh" in node]


def test_the_log_holds_no_warning_and_no_error(imported: tuple[EngineName, Path, GodotImport]) -> None:
    assert imported[2].complaints == ()
    assert set(imported[2].scenes) == {f"dropped/{name}/{name}.glb" for name in ASSETS}


@pytest.mark.parametrize("name", ASSETS)
def test_one_mesh_is_seen_and_has_its_size_in_metres(name: str, imported: tuple[EngineName, Path, GodotImport]) -> None:
    _, folder, found = imported
    [mesh] = meshes(found, name)
    meant = read_glb(folder / name / f"{name}.glb")[name]
    assert np.allclose(mesh["low"], meant.positions.min(axis=0), atol=1e-4)
    assert np.allclose(mesh["high"], meant.positions.max(axis=0), atol=1e-4)
    assert sum(surface["triangles"] for surface in mesh["surfaces"]) == len(meant.positions) / 3
    assert all(surface["tangents"] and surface["uv2"] for surface in mesh["surfaces"])


def test_hulls_become_convex_shapes_of_static_bodies(imported: tuple[EngineName, Path, GodotImport]) -> None:
    engine, _, found = imported
    shapes = found.nodes("dropped/Egg/Egg.glb", "CollisionShape3D")
    bodies = {node["name"] for node in found.nodes("dropped/Egg/Egg.glb", "StaticBody3D")}
    if engine == "portable":
        assert shapes == [] and bodies == set()
        return
    assert [shape["shape"] for shape in shapes] == ["ConvexPolygonShape3D"] * 2
    assert {shape["parent"] for shape in shapes} == bodies
    assert [shape["points"] for shape in shapes] == [8, 8]


def test_maps_are_read_from_the_right_channels(imported: tuple[EngineName, Path, GodotImport]) -> None:
    """Red 0, green 1, blue 2 in Godot's enumeration: occlusion, roughness, metal."""
    [mesh] = meshes(imported[2], "Egg")
    [surface] = mesh["surfaces"]
    material = surface["material"]
    assert material["class"] == "StandardMaterial3D"
    assert (material["ao_channel"], material["roughness_channel"], material["metallic_channel"]) == (0, 1, 2)
    assert all(material[map_] == [16, 16] for map_ in ("albedo", "normal", "ao", "roughness", "metallic"))
    assert (material["metallic_factor"], material["roughness_factor"]) == (1, 1)


def test_several_materials_stay_several(imported: tuple[EngineName, Path, GodotImport]) -> None:
    [mesh] = meshes(imported[2], "Patchwork")
    first, plain, third = [surface["material"] for surface in mesh["surfaces"]]
    assert first["albedo"] and third["albedo"] and plain["albedo"] is None
    assert plain["roughness_factor"] == pytest.approx(0.4)


def test_a_skinned_asset_has_its_bones(imported: tuple[EngineName, Path, GodotImport]) -> None:
    [skeleton] = imported[2].nodes("dropped/Worm/Worm.glb", "Skeleton3D")
    meant = ASSETS["Worm"].skeleton
    assert meant is not None and sorted(skeleton["bones"]) == sorted(meant.names)
    [mesh] = meshes(imported[2], "Worm")
    assert all(surface["weights"] for surface in mesh["surfaces"])
