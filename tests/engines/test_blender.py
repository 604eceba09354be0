from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.props import handover, many, neutral, prop, skinned
from engines.readers.blender import run_blender
from kiln.asset import Asset
from kiln.engines import engine_files
from oracles import khronos
from shapes import cube


def _written(asset: Asset, folder: Path) -> dict[str, Path]:
    made = engine_files("blender", handover(asset)).files
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in made}


def test_lod0_is_a_file_of_its_own_as_the_neutral_package_has_it(tmp_path: Path) -> None:
    files = _written(prop(), tmp_path)
    assert sorted(files) == ["Egg.glb", "Egg_LODs.glb", "Egg_hulls.glb", "open_Egg.py"]
    assert files["Egg.glb"].read_bytes() == neutral(prop())
    assert sorted(_written(Asset(name="Bare", source=cube()), tmp_path)) == ["Bare.glb", "open_Bare.py"]


@pytest.mark.parametrize("asset", [prop(), many(), replace(skinned(), lods=(skinned().source,))], ids=lambda asset: asset.name)
def test_the_validator_has_nothing_to_say(asset: Asset, tmp_path: Path) -> None:
    models = [path for name, path in _written(asset, tmp_path).items() if name.endswith(".glb")]
    assert [(found["errors"], found["warnings"]) for found in khronos(*models)] == [(0, 0)] * len(models)


def test_lods_carry_no_textures_a_second_time() -> None:
    made = engine_files("blender", handover(prop())).files
    assert b"image/png" in made["Egg.glb"] and b"image" not in made["Egg_LODs.glb"]


def test_the_script_is_python() -> None:
    for asset in (prop(), many()):
        made = engine_files("blender", handover(asset)).files
        compile(made[f"open_{asset.name}.py"], "open.py", "exec")


_TELL = """
import json, runpy, sys
import bpy
runpy.run_path(sys.argv[1], run_name="__main__")
def told(thing):
    return {
        "collections": [c.name for c in thing.users_collection], "display": thing.display_type, "hidden": thing.hide_get(),
        "render": not thing.hide_render, "materials": [slot.name for slot in thing.material_slots],
        "pictures": sorted({n.image.name for s in thing.material_slots for n in s.material.node_tree.nodes if n.type == "TEX_IMAGE"}),
        "active": thing == bpy.context.view_layer.objects.active,
        "armature": [m.object.name for m in thing.modifiers if m.type == "ARMATURE"],
    }
print("TOLD " + json.dumps({thing.name: told(thing) for thing in bpy.data.objects}))
"""


def _opened(asset: Asset, folder: Path) -> dict[str, dict[str, Any]]:
    files = _written(asset, folder)
    (folder / "tell.py").write_text(_TELL)
    said = run_blender(str(folder / "tell.py"), files[f"open_{asset.name}.py"])
    found: dict[str, dict[str, Any]] = json.loads(
        next(line for line in said.splitlines() if line.startswith("TOLD ")).removeprefix("TOLD ")
    )
    return found


@pytest.mark.long
def test_blender_opens_it_as_a_tidy_scene(tmp_path: Path) -> None:
    found = _opened(prop(), tmp_path)
    assert {name: told["collections"] for name, told in found.items() if name.startswith("Egg")} == {
        "Egg": ["Egg"],
        "Egg_LOD1": ["Egg_LODs"],
        "Egg_LOD2": ["Egg_LODs"],
        "Egg_hull_00": ["Egg_hulls"],
        "Egg_hull_01": ["Egg_hulls"],
    }
    assert "Cube" not in found
    assert (found["Egg"]["hidden"], found["Egg"]["render"]) == (False, True)
    assert (found["Egg_LOD1"]["hidden"], found["Egg_LOD1"]["render"]) == (True, False)
    assert (found["Egg_hull_00"]["display"], found["Egg_hull_00"]["render"]) == ("WIRE", False)
    assert found["Egg_LOD1"]["materials"] == found["Egg"]["materials"] == ["Egg"]
    assert len(found["Egg"]["pictures"]) == 3
    assert [name for name, told in found.items() if told["active"]] == ["Egg"]


@pytest.mark.long
def test_blender_moves_all_lods_by_one_skeleton(tmp_path: Path) -> None:
    found = _opened(replace(skinned(), lods=(skinned().source,)), tmp_path)
    assert found["Worm"]["armature"] == found["Worm_LOD1"]["armature"]
    assert len(found["Worm"]["armature"]) == 1
    assert sum(bool(told["armature"]) for told in found.values()) == 2
