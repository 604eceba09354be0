"""From a picture or a mesh to the package: what every asset must hold, judged on the written files by readers nobody here wrote."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

import kiln
from kiln.asset import Package
from kiln.proof.criteria import MEASURES
from oracles import differences, khronos, read_glb, three, ufbx_scene

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "pictures"
SMALL: dict[str, Any] = {"simplify": {"triangles": 600}, "unwrap": {"size": 256, "padding": 2}, "generate": {"detail": 20_000}}


@pytest.fixture(scope="module")
def shield(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return kiln.make(EXAMPLES / "shield.png", out=tmp_path_factory.mktemp("whole"), **SMALL)


def models(package: Package) -> list[Path]:
    return [package.folder / name for name in package.files if name.endswith(".glb")]


OUT_OF_REACH = {"mobile": {"uv_sliver_charts", "color_psnr_db", "seam_color_delta"}}
"""What a recipe's budget does not allow: with 2,000 triangles outlines hide other things than the source's do, and 1024 texels are few."""


def must_hold(package: Package, *, but: Collection[str] = ()) -> None:
    """Everything that is judged at all is judged good, and the validator has nothing to say."""
    judged = {each.key: each.is_good(package.report.measures.get(each.key)) for each in MEASURES}
    assert {key for key, good in judged.items() if good is False} <= set(but)
    for found in khronos(*models(package)):
        assert (found["errors"], found["warnings"]) == (0, 0), found["messages"]


def test_every_file_of_a_package_passes_the_validator_and_loads_in_three(shield: Package) -> None:
    for found in khronos(*models(shield)):
        assert (found["errors"], found["warnings"]) == (0, 0), found["messages"]
    [loaded] = three(shield.model)
    assert len(loaded) == 1


def test_the_manifest_tells_every_file_by_its_digest_and_the_zip_holds_the_same(shield: Package) -> None:
    manifest = json.loads((shield.folder / "manifest.json").read_text())
    told = {entry["name"]: entry["sha256"] for entry in manifest["outputs"]}
    on_disk = {path.relative_to(shield.folder).as_posix() for path in shield.folder.rglob("*") if path.is_file()}
    assert set(told) | {"manifest.json"} == on_disk == set(shield.files) | {"manifest.json"}
    assert all(hashlib.sha256((shield.folder / name).read_bytes()).hexdigest() == digest for name, digest in told.items())
    assert manifest["inputs"][0]["sha256"] == hashlib.sha256((EXAMPLES / "shield.png").read_bytes()).hexdigest()
    assert shield.archive is not None
    with zipfile.ZipFile(shield.archive) as archive:
        assert {name.split("/", 1)[1] for name in archive.namelist()} == on_disk
        assert archive.testzip() is None


def test_the_same_picture_recipe_and_versions_give_the_same_bytes(shield: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_THREADS", "1")  # nor does it depend on the number of threads
    again = kiln.make(EXAMPLES / "shield.png", out=tmp_path, **SMALL)
    assert again.archive is not None and shield.archive is not None
    assert again.archive.read_bytes() == shield.archive.read_bytes()


def test_unreals_folder_is_made_by_default_and_holds_the_packages_numbers(shield: Package) -> None:
    fbx = ufbx_scene(shield.folder / "unreal" / "SM_shield.fbx")
    assert fbx.warnings == ()
    levels = [shield.model, *sorted(shield.folder.glob("shield_LOD*.glb"))]
    [(children, _)] = fbx.lod_groups.values()
    assert len(children) == len(levels) > 1
    for child, level in zip(children, levels, strict=True):
        [meant] = read_glb(level).values()
        assert max(differences(fbx.meshes[child], meant).values()) <= 1e-5
    hulls = read_glb(shield.folder / "collision" / "shield_hulls.glb")
    collision = {name for name in fbx.meshes if name.startswith(("UCX_", "UBX_", "USP_", "UCP_"))}
    assert len(collision) == len(hulls) > 0
    assert all((shield.folder / "unreal" / path).is_file() for slots in fbx.materials.values() for path in slots.values())


def test_a_finished_package_goes_to_every_other_engine_as_it_is(shield: Package, tmp_path: Path) -> None:
    package = kiln.export(shield.folder, engine=("unity", "godot", "blender", "portable"), out=tmp_path)
    [meant] = read_glb(shield.model).values()
    for engine in ("godot", "blender", "portable"):
        assert max(differences(read_glb(package.folder / engine / "shield.glb")["shield"], meant).values()) == 0
    unity = ufbx_scene(package.folder / "unity" / "shield.fbx")
    assert max(differences(unity.meshes["shield_LOD0"], meant).values()) <= 1e-5
    glbs = [path for engine in ("godot", "blender", "portable") for path in (package.folder / engine).glob("*.glb")]
    assert all((found["errors"], found["warnings"]) == (0, 0) for found in khronos(*glbs))


def test_a_coloured_mesh_comes_out_in_its_colours(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4)
    side = ball.vertices[:, 0] > 0
    ball.visual.vertex_colors = np.where(side[:, None], (200, 40, 30, 255), (20, 60, 190, 255)).astype(np.uint8)
    ball.export(tmp_path / "ball.ply")
    package = kiln.process(tmp_path / "ball.ply", out=tmp_path / "out", **{k: v for k, v in SMALL.items() if k != "generate"})
    scene = trimesh.load(package.model, process=False, force="mesh")
    colors = scene.visual.to_color().vertex_colors[:, :3].astype(int)
    low_side = scene.vertices[:, 0] > 0.1
    assert np.abs(colors[low_side] - (200, 40, 30)).max() <= 4
    assert np.abs(colors[scene.vertices[:, 0] < -0.1] - (20, 60, 190)).max() <= 4


@pytest.mark.long
@pytest.mark.parametrize("name", ["skewer", "potion", "toadstool", "shield"])
def test_our_artwork_holds_what_every_asset_must(name: str, tmp_path: Path) -> None:
    must_hold(kiln.make(EXAMPLES / f"{name}.png", out=tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["mobile", "hero"])
def test_every_recipe_holds_what_every_asset_must(recipe: str, tmp_path: Path) -> None:
    must_hold(kiln.make(EXAMPLES / "toadstool.png", recipe=recipe, out=tmp_path), but=OUT_OF_REACH.get(recipe, ()))
