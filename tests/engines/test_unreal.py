from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.props import handover, many, prop, skinned
from engines.readers.fbx_file import FbxFile, read_fbx
from kiln.asset import Asset, Mesh, Primitive
from kiln.engines import engine_files
from kiln.engines.collision_shapes import shape_mesh
from kiln.engines.unreal import screen_sizes
from kiln.errors import ModelError
from kiln.geometry.switch import SwitchSizes
from shapes import cube


def pixels(data: bytes) -> np.ndarray:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return found[..., [2, 1, 0, 3][: found.shape[2]]]


def fbx_of(asset: Asset, folder: Path, **options: object) -> FbxFile:
    files = engine_files("unreal", handover(asset, **options)).files
    (name,) = [path for path in files if path.endswith(".fbx")]
    (folder / name).write_bytes(files[name])
    return read_fbx(folder / name)


def with_material(**changes: object) -> Asset:
    asset = prop()
    assert asset.material is not None
    return replace(asset, material=replace(asset.material, **changes))


def test_the_folder_holds_what_its_names_promise() -> None:
    assert set(engine_files("unreal", handover(prop())).files) == {
        *("SM_Egg.fbx", "T_Egg_BC.png", "T_Egg_N.png", "T_Egg_ORM.png", "import_Egg.py", "README.txt")
    }
    assert set(engine_files("unreal", handover(many())).files) == {
        *("SM_Patchwork.fbx", "import_Patchwork.py", "README.txt"),
        *(f"T_Patchwork_{material}_{what}.png" for material in ("first", "third") for what in ("BC", "N", "ORM")),
    }
    assert "SK_Worm.fbx" in engine_files("unreal", handover(skinned())).files


def test_textures_are_the_neutral_packages_but_for_green() -> None:
    given = handover(prop())
    files = engine_files("unreal", given).files
    assert files["T_Egg_BC.png"] == given.textures["textures/Egg_base_color.png"]
    assert files["T_Egg_ORM.png"] == given.textures["textures/Egg_orm.png"]
    ours, theirs = pixels(files["T_Egg_N.png"]), pixels(given.textures["textures/Egg_normal.png"])
    np.testing.assert_array_equal(ours[..., [0, 2]], theirs[..., [0, 2]])
    np.testing.assert_array_equal(ours[..., 1], 255 - theirs[..., 1])


@pytest.mark.parametrize(("mode", "channels"), [("OPAQUE", 3), ("MASK", 4)])
def test_base_colour_has_alpha_only_where_it_says_something(mode: str, channels: int) -> None:
    material = prop().material
    assert material is not None and material.base_color is not None
    holed = material.base_color.copy()
    holed[:4, :, 3] = 0
    files = engine_files("unreal", handover(with_material(base_color=holed, alpha_mode=mode))).files
    assert pixels(files["T_Egg_BC.png"]).shape[2] == channels


def test_emission_travels_as_a_texture_and_in_the_fbx(tmp_path: Path) -> None:
    glow = with_material(emissive=np.full((8, 8, 3), 90, np.uint8), emissive_factor=(1.0, 1.0, 1.0))
    assert fbx_of(glow, tmp_path).materials["M_Egg"]["EmissiveColor"] == "T_Egg_E.png"


def test_bodies_are_named_after_what_they_stand_for(tmp_path: Path) -> None:
    sizes = {"box": (0.4, 0.6, 0.4), "sphere": (0.4, 0.4, 0.4), "capsule": (0.4, 0.6, 0.4)}
    fits = tuple(Primitive(kind=kind, center=(0.0, 0.0, 0.0), size=size) for kind, size in sizes.items())  # type: ignore[arg-type]
    asset = replace(prop(), lods=(), hulls=(*map(shape_mesh, fits), cube(0.5)), fits=(*fits, None))
    assert set(fbx_of(asset, tmp_path).meshes) == {"SM_Egg", "UBX_SM_Egg_00", "USP_SM_Egg_01", "UCP_SM_Egg_02", "UCX_SM_Egg_03"}


def test_a_skinned_asset_leaves_its_hulls_to_the_physics_asset(tmp_path: Path) -> None:
    asset = replace(skinned(), hulls=(cube(0.5),))
    assert set(fbx_of(asset, tmp_path).meshes) == {"SK_Worm"}
    assert any("physics asset" in note for note in engine_files("unreal", handover(asset)).notes)


def test_joints_never_take_the_meshes_names(tmp_path: Path) -> None:
    asset = skinned()
    assert asset.skeleton is not None
    renamed = replace(asset.skeleton, names=("SK_Worm", *asset.skeleton.names[1:]))
    assert "SK_Worm_2" in fbx_of(replace(asset, skeleton=renamed), tmp_path).joints


def test_joints_without_a_skeleton_are_no_skin() -> None:
    given = handover(skinned())
    assert "SM_Worm.fbx" in engine_files("unreal", replace(given, asset=replace(given.asset, skeleton=None))).files


def test_lods_end_before_the_first_without_a_skin(tmp_path: Path) -> None:
    asset = skinned()
    bare = replace(asset.source, joints=None, weights=None)
    made = engine_files("unreal", handover(replace(asset, lods=(asset.source, bare, asset.source))))
    assert made.notes == ("2 LODs are left out, as the first of them has no skin",)


def test_more_levels_than_unreal_takes_are_left_out(tmp_path: Path) -> None:
    asset = prop()
    many_levels = replace(asset, lods=asset.lods * 5)
    assert len(fbx_of(many_levels, tmp_path).lod_groups["SM_Egg"][0]) == 8
    assert any("3 LODs are left out" in note for note in engine_files("unreal", handover(many_levels)).notes)


@pytest.mark.parametrize(
    ("measured", "sizes"),
    [((0.5, 0.25), [1.0, 0.5, 0.25]), ((1.8, 0.25), [2.0, 1.8, 0.25]), ((0.5, 0.5), [1.0, 0.5, 0.45]), ((0.5,), []), ((), [])],
)
def test_screen_sizes_fall(measured: tuple[float, ...], sizes: list[float]) -> None:
    switch = [SwitchSizes(unreal_screen_size=size, unity_height=0.5, godot_metres=1.0) for size in measured]
    assert screen_sizes(switch, 2) == sizes
    assert screen_sizes(switch, 0) == []


def test_no_uvs_leave_vertex_colours_and_no_textures(tmp_path: Path) -> None:
    asset = prop()
    assert asset.mesh is not None
    bare = replace(asset.mesh, uvs=None, lightmap_uvs=None, tangents=None, colors=np.full((asset.mesh.vertex_count, 4), 9, np.uint8))
    made = engine_files("unreal", handover(replace(asset, mesh=bare, lods=())))
    assert set(made.files) == {"SM_Egg.fbx", "import_Egg.py", "README.txt"}
    assert any("no UVs" in note for note in made.notes)


def test_an_asset_without_materials_has_one_slot(tmp_path: Path) -> None:
    assert set(fbx_of(replace(prop(), material=None), tmp_path).materials) == {"M_Egg"}


def test_materials_that_differ_in_case_alone_do_not_overwrite_each_other() -> None:
    asset = many()
    first, second, third = asset.source_materials
    files = engine_files("unreal", handover(replace(asset, source_materials=(first, second, replace(third, name="First"))))).files
    assert {"T_Patchwork_first_BC.png", "T_Patchwork_First_2_BC.png"} <= set(files)
    assert len({path.lower() for path in files}) == len(files)


def _shrunk(mesh: Mesh, scale: float) -> Mesh:
    return replace(mesh, positions=mesh.positions * np.float32(scale))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mesh": _shrunk(cube(), 0)}, "smaller than a micrometre.*scale it up"),
        ({"mesh": _shrunk(cube(), np.nan)}, "no numbers"),
        ({"mesh": replace(cube(), triangles=np.zeros((0, 3), np.uint32))}, "no triangles"),
        ({"mesh": replace(cube(), material_ids=np.full(12, 7, np.uint32)), "material": None}, "refer to material 7, but there are 1"),
    ],
)
def test_what_no_engine_could_show_is_refused(changes: Mapping[str, object], message: str) -> None:
    given = handover(prop())
    with pytest.raises(ModelError, match=message):
        engine_files("unreal", replace(given, asset=replace(given.asset, lods=(), hulls=(), **changes)))


def test_the_readme_names_what_to_run() -> None:
    text = engine_files("unreal", handover(prop())).files["README.txt"].decode()
    assert text.startswith("SM_Egg for Unreal Engine 5: 3 LODs, 2 collision shapes, 1 material, 3 textures.")
    assert "import_Egg.py" in text and max(map(len, text.splitlines())) <= 80


def test_a_double_sided_material_says_so_in_the_script() -> None:
    script = engine_files("unreal", handover(with_material(double_sided=True))).files["import_Egg.py"].decode()
    assert "'two_sided': True" in script
