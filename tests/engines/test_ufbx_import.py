"""The FBX files of Unreal's and Unity's folders, read by ufbx, beside the neutral package's GLBs read by pygltflib: the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import props
from engines.readers.glb_file import joint_matrices
from formats.fbx.as_ufbx_reads import FRAMES, in_file_axes
from kiln.asset import Asset
from kiln.engines import EngineName, engine_files
from kiln.formats.asset_files import asset_files
from kiln.formats.fbx.parse import parse_fbx
from oracles import CornerMesh, FbxFile, differences, read_glb, three_fbx, ufbx_scene
from shapes import grid

TOLERANCE = 1e-5
ENGINES: tuple[EngineName, ...] = ("unreal", "unity")
PREFIXES = {("unreal", False): "SM_", ("unreal", True): "SK_", ("unity", False): "", ("unity", True): ""}


def delivered(engine: EngineName, asset: Asset, folder: Path, **options: Any) -> FbxFile:
    """The engine's folder and the neutral package on disk, the FBX as ufbx sees it."""
    for path, data in (asset_files(asset) | dict(engine_files(engine, props.handover(asset, **options)).files)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return ufbx_scene(fbx_path(engine, asset, folder))


def fbx_path(engine: EngineName, asset: Asset, folder: Path) -> Path:
    return folder / f"{PREFIXES[engine, asset.skeleton is not None]}{asset.name}.fbx"


def lod_names(engine: EngineName, asset: Asset) -> list[str]:
    name = f"{PREFIXES[engine, asset.skeleton is not None]}{asset.name}"
    return [f"{name}_LOD{level}" for level in range(len(asset.lods) + 1)] if asset.lods else [name]


def assert_same(found: CornerMesh, meant: CornerMesh) -> None:
    far = {what: size for what, size in differences(found, meant).items() if not size <= TOLERANCE}
    assert not far, f"{found.name}: {far}"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_every_mesh_is_the_glbs_corner_by_corner(engine: EngineName, make: Callable[[], Asset], tmp_path: Path) -> None:
    asset = make()
    fbx = delivered(engine, asset, tmp_path)
    assert fbx.warnings == ()
    levels = [tmp_path / f"{asset.name}{suffix}.glb" for suffix in ("", "_LOD1", "_LOD2")][: len(asset.lods) + 1]
    for name, path in zip(lod_names(engine, asset), levels, strict=True):
        [meant] = read_glb(path).values()
        assert_same(fbx.meshes[name], meant)


def test_unreal_gets_centimetres_with_z_up_and_unity_metres_with_y_up(tmp_path: Path) -> None:
    unreal, unity = (delivered(engine, props.prop(), tmp_path / engine) for engine in ENGINES)
    assert (unreal.axes, unreal.unit_metres) == (("+X", "+Z", "-Y"), 0.01)
    assert (unity.axes, unity.unit_metres) == (("+X", "+Y", "+Z"), 1.0)
    for fbx in (unreal, unity):
        assert all(np.allclose(matrix, np.eye(4)) for matrix in fbx.matrices.values()), "nodes do not stand still"


def test_forward_x_turns_the_asset_by_a_quarter(tmp_path: Path) -> None:
    asset = props.prop()
    found = delivered("unreal", asset, tmp_path, forward="x").meshes["SM_Egg_LOD0"]
    meant = read_glb(tmp_path / "Egg.glb")["Egg"]
    # What looked along +Z (Unreal's Y once imported) looks along +X; the asset's left, +X, becomes -Z.
    turned = [np.stack([rows[:, 2], rows[:, 1], -rows[:, 0]], 1) for rows in (meant.positions, meant.normals, meant.tangents)]
    for rows, expected in zip((found.positions, found.normals, found.tangents), turned, strict=True):
        assert np.abs(rows - expected).max() <= TOLERANCE


def test_unreals_levels_are_children_of_a_lod_group_with_falling_thresholds(tmp_path: Path) -> None:
    fbx = delivered("unreal", props.prop(), tmp_path)
    [(group, (children, thresholds))] = fbx.lod_groups.items()
    assert group == "SM_Egg"
    assert children == ("SM_Egg_LOD0", "SM_Egg_LOD1", "SM_Egg_LOD2")
    assert list(thresholds) == sorted(thresholds, reverse=True)
    assert fbx.parents["SM_Egg"] == ""


def test_nanite_gets_lod0_alone(tmp_path: Path) -> None:
    fbx = delivered("unreal", props.prop(), tmp_path, nanite=True)
    assert fbx.lod_groups == {}
    assert [name for name in fbx.meshes if not name.startswith("UCX_")] == ["SM_Egg"]


@pytest.mark.parametrize(
    ("engine", "file", "names"),
    [
        ("unreal", "SM_Egg.fbx", ["UCX_SM_Egg_LOD0_00", "UCX_SM_Egg_LOD0_01"]),
        ("unity", "Egg_Collision.fbx", ["Egg_hull_00", "Egg_hull_01"]),
    ],
)
def test_hulls_stand_at_the_root_under_the_names_that_engines_know(engine: EngineName, file: str, names: list[str], tmp_path: Path) -> None:
    delivered(engine, props.prop(), tmp_path)
    fbx = ufbx_scene(tmp_path / file)
    meant = read_glb(tmp_path / "collision" / "Egg_hulls.glb")
    assert fbx.warnings == ()
    for name, hull in zip(names, sorted(meant), strict=True):
        assert fbx.parents[name] == ""
        assert np.abs(fbx.meshes[name].positions - meant[hull].positions).max() <= TOLERANCE


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize("make", [props.prop, props.many], ids=lambda make: make.__name__)
def test_textures_that_the_fbx_names_lie_beside_it(engine: EngineName, make: Callable[[], Asset], embed: bool, tmp_path: Path) -> None:
    asset = make()
    fbx = delivered(engine, asset, tmp_path, embed_textures=embed)
    paths = {path for slots in fbx.materials.values() for path in slots.values()}
    assert len(paths) == 2 * (1 if asset.material is not None else 2)
    assert all((tmp_path / path).is_file() for path in paths)
    assert fbx.embedded == ({path: (tmp_path / path).read_bytes() for path in paths} if embed else {})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_skeleton_is_the_glbs(engine: EngineName, tmp_path: Path) -> None:
    asset = props.skinned(bones=6)
    fbx = delivered(engine, asset, tmp_path)
    meant = joint_matrices(tmp_path / f"{asset.name}.glb")
    assert fbx.joints == set(meant)
    assert asset.skeleton is not None
    above = [-1, *range(len(asset.skeleton.names) - 1)]
    assert {name: fbx.parents[name] for name in meant} == {
        name: "" if parent < 0 else asset.skeleton.names[parent] for name, parent in zip(asset.skeleton.names, above, strict=True)
    }
    for name, matrix in meant.items():
        turned = in_file_axes(matrix, FRAMES[engine])
        assert np.abs(fbx.matrices[name] - turned).max() <= TOLERANCE
        assert np.abs(fbx.bind_pose[name] - turned).max() <= TOLERANCE
        for clusters in fbx.geometry_to_joint.values():
            assert np.abs(clusters[name] @ turned - np.eye(4)).max() <= TOLERANCE


@pytest.mark.parametrize("engine", ENGINES)
def test_three_sees_the_same_meshes_and_bones(engine: EngineName, tmp_path: Path) -> None:
    asset = props.skinned()
    fbx = delivered(engine, asset, tmp_path)
    [[seen]] = three_fbx(fbx_path(engine, asset, tmp_path))
    assert seen["triangles"] == len(fbx.meshes[seen["name"]].positions) / 3
    assert set(seen["bones"]) == fbx.joints
    assert {"normal", "position", "skinIndex", "skinWeight", "uv", "uv1"} <= set(seen["attributes"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [props.prop, props.skinned], ids=lambda make: make.__name__)
def test_every_node_names_its_attribute(engine: EngineName, make: Callable[[], Asset], tmp_path: Path) -> None:
    """Autodesk's SDK, which Unreal and Unity read by, shows no mesh on a node without; no reader that runs here minds."""
    asset = make()
    delivered(engine, asset, tmp_path)
    [objects] = [r for r in parse_fbx(fbx_path(engine, asset, tmp_path).read_bytes()).children if r.name == "Objects"]
    for model in (record for record in objects.children if record.name == "Model"):
        settings = {p.properties[0]: p.properties[-1] for block in model.children if block.name == "Properties70" for p in block.children}
        assert settings["DefaultAttributeIndex"] == 0, model.properties[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_asset_lacks_is_no_reason_to_fail(engine: EngineName, tmp_path: Path) -> None:
    bare = props.ball()
    stripped = replace(bare, uvs=None, lightmap_uvs=None, tangents=None)
    fbx = delivered(engine, Asset(name="Bare", source=stripped), tmp_path)
    assert fbx.warnings == ()
    assert_same(fbx.meshes[lod_names(engine, Asset(name="Bare", source=stripped))[0]], read_glb(tmp_path / "Bare.glb")["Bare"])


@pytest.mark.parametrize("engine", ENGINES)
def test_more_vertices_than_16_bits_count_and_300_bones(engine: EngineName, tmp_path: Path) -> None:
    sheet = grid(270, 260)
    up = np.tile(np.float32((0, 0, 1)), (sheet.vertex_count, 1))
    large = Asset(name="Sheet", source=replace(sheet, normals=up, positions=sheet.positions * np.float32(0.01)))
    assert sheet.vertex_count > 70_000
    [found] = delivered(engine, large, tmp_path / "large").meshes.values()
    assert_same(found, read_glb(tmp_path / "large" / "Sheet.glb")["Sheet"])
    worm = delivered(engine, props.skinned(bones=300), tmp_path / "worm")
    assert len(worm.joints) == 300
    [found] = worm.meshes.values()
    assert_same(found, read_glb(tmp_path / "worm" / "Worm.glb")["Worm"])
