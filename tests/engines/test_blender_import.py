"""The folders of engines opened in Blender: the same numbers as in the neutral GLB, and bumps that bulge out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines import props
from engines.readers.blender import BlenderScene, blender_scene, run_blender
from engines.readers.glb_file import joint_matrices
from kiln import stages
from kiln.asset import Asset, Mesh
from kiln.engines import EngineName, engine_files
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from oracles import differences, read_glb
from shapes import grid

pytestmark = pytest.mark.long

TOLERANCE = {"positions": 1e-5, "normals": 5e-4, "uv0": 1e-5, "uv1": 1e-5, "weights": 1e-5, "materials": 0.0, "uv_sets": 0.0}
"""Blender keeps split normals in 16 bits an angle: 3e-4 is what its own export of a GLB comes back with."""

MODELS: dict[EngineName, str] = {
    "unreal": "{kind}{name}.fbx",
    "unity": "{name}.fbx",
    "portable": "{name}.glb",
    "godot": "{name}.glb",
    "blender": "{name}.glb",
}


def write(engine: EngineName, asset: Asset, folder: Path) -> Path:
    """The engine's folder and the neutral package's GLB on disk; the engine's model."""
    (folder / "neutral.glb").write_bytes(props.neutral(asset))
    for path, data in engine_files(engine, props.handover(asset)).files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder / MODELS[engine].format(kind="SM_" if asset.skeleton is None else "SK_", name=asset.name)


def lod0(scene: BlenderScene) -> str:
    [name] = [name for name in scene.meshes if name.endswith("_LOD0")] or [
        n for n in scene.meshes if "_hull_" not in n and n != "Icosphere"
    ]
    return name


@pytest.mark.parametrize("importer", ["scene_fbx", "wm_fbx"])
@pytest.mark.parametrize("engine", ["unreal", "unity"])
@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_blender_holds_the_fbx_as_the_glb_has_it(engine: EngineName, make: Callable[[], Asset], importer: str, tmp_path: Path) -> None:
    asset = make()
    scene = blender_scene(write(engine, asset, tmp_path), tmp_path, importer)
    meant = read_glb(tmp_path / "neutral.glb")[asset.name]
    found = differences(scene.meshes[lod0(scene)], meant)
    assert {what: found[what] for what in found.keys() & TOLERANCE if not found[what] <= TOLERANCE[what]} == {}


@pytest.mark.parametrize("engine", ["portable", "godot", "blender"])
@pytest.mark.parametrize("make", [props.prop, props.many, props.skinned], ids=lambda make: make.__name__)
def test_blender_holds_the_glb_with_all_its_maps(engine: EngineName, make: Callable[[], Asset], tmp_path: Path) -> None:
    asset = make()
    model = write(engine, asset, tmp_path)
    scene = blender_scene(model, tmp_path)
    meant = read_glb(tmp_path / "neutral.glb")[asset.name]
    found = differences(scene.meshes[lod0(scene)], meant)
    assert {what: found[what] for what in found.keys() & TOLERANCE if not found[what] <= TOLERANCE[what]} == {}
    assert np.allclose(scene.objects[asset.name]["dimensions"], meant.dimensions[[0, 2, 1]], atol=1e-5)
    painted = [material for name, material in scene.materials.items() if material["pictures"]]
    assert painted and all({"Base Color", "Metallic", "Normal", "Roughness"} <= set(material["linked"]) for material in painted)


def test_levels_and_hulls_of_the_unreal_file_arrive_under_their_names(tmp_path: Path) -> None:
    scene = blender_scene(write("unreal", props.prop(), tmp_path), tmp_path)
    levels = [f"SM_Egg_LOD{level}" for level in range(3)]
    assert {name: scene.objects[name]["parent"] for name in levels} == dict.fromkeys(levels, "SM_Egg")
    assert scene.objects["SM_Egg"]["type"] == "EMPTY"
    hulls = [name for name in scene.objects if name.startswith("UCX_")]
    assert sorted(hulls) == ["UCX_SM_Egg_LOD0_00", "UCX_SM_Egg_LOD0_01"]
    assert np.allclose(scene.meshes["UCX_SM_Egg_LOD0_00"].dimensions, 0.5, atol=1e-5)


@pytest.mark.parametrize("engine", ["unreal", "unity", "portable"])
def test_bones_and_vertex_groups_are_the_skeletons(engine: EngineName, tmp_path: Path) -> None:
    asset = props.skinned()
    scene = blender_scene(write(engine, asset, tmp_path), tmp_path)
    [armature] = [thing for thing in scene.objects.values() if thing["type"] == "ARMATURE"]
    assert asset.skeleton is not None
    above = {
        name: asset.skeleton.names[parent] for name, parent in zip(asset.skeleton.names, asset.skeleton.parents, strict=True) if parent >= 0
    }
    assert {name: parent for name, parent in armature["bones"].items() if name in above} == above
    assert set(scene.objects[lod0(scene)]["groups"]) >= set(asset.skeleton.names) - {"root"}
    for name, matrix in joint_matrices(tmp_path / "neutral.glb").items():
        assert name in scene.heads, sorted(scene.heads)
        assert np.abs(scene.heads[name] - matrix[:3, 3]).max() <= 1e-4


def bump(*, mirrored: bool) -> Asset:
    """A square of a metre that looks to the front, with half a ball bulging out of it in the normal map alone, baked from one that does."""
    dense = grid(128, 128)
    xy = dense.positions[:, :2] / 64 - 1
    height = np.sqrt(np.maximum(0.5**2 - (xy**2).sum(1), 0)) * 0.6
    source = replace(dense, positions=np.stack([xy[:, 0] / 2, xy[:, 1] / 2, height / 2], 1).astype(np.float32))
    low = square(mirrored=mirrored)
    return stages.bake(Asset(name="Bump", source=source, mesh=low, atlas_size=256), maps=("normal",))


def square(*, mirrored: bool) -> Mesh:
    flat = grid(1, 1)
    corners = flat.positions[:, :2]
    u, v = (1 - corners[:, 0] if mirrored else corners[:, 0]), 1 - corners[:, 1]
    positions = (flat.positions - np.float32((0.5, 0.5, 0))).astype(np.float32)
    bare = replace(flat, positions=positions, uvs=np.stack([u, v], 1).astype(np.float32))
    return add_tangents(replace(bare, normals=smooth_normals(bare)))


def lit(picture: Path) -> tuple[float, float]:
    """How much brighter the bump is above than below, and at the viewer's left than at the right: -1 to 1."""
    gray = np.asarray(Image.open(picture).convert("L"), np.float64)
    middle = gray[70:186, 70:186]  # the ball's 116 pixels across
    halves = middle[:58].sum(), middle[58:].sum(), middle[:, :58].sum(), middle[:, 58:].sum()
    above, below, left, right = halves
    return (above - below) / (above + below), (left - right) / (left + right)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("engine", "green", "bulges"),
    [("unreal", "flip", True), ("unreal", "keep", False), ("unity", "keep", True), ("unity", "flip", False), ("portable", "keep", True)],
)
def test_a_bump_bulges_out_under_the_engines_own_convention_and_in_under_the_other(
    engine: EngineName, green: str, bulges: bool, mirrored: bool, tmp_path: Path
) -> None:
    model = write(engine, bump(mirrored=mirrored), tmp_path)
    run_blender("blender_bump.py", model, tmp_path / "seen", green)
    above, across = lit(tmp_path / "seen_above.png")
    assert (above > 0.1) if bulges else (above < -0.1), above
    assert abs(across) < 0.05
    _, left = lit(tmp_path / "seen_left.png")
    assert left > 0.1, left
