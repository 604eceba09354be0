from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.props import handover, many, neutral, prop, skinned
from engines.readers.corners import differences
from engines.readers.fbx_file import read_fbx
from engines.readers.glb_file import read_glb
from engines.readers.unity import compile_unity, play_unity
from kiln.asset import Asset, Material, Primitive
from kiln.engines import Handover, engine_files
from kiln.engines.collision_shapes import shape_mesh
from kiln.engines.unity_script import in_unity, lod_heights
from kiln.errors import ModelError
from kiln.geometry.switch import SwitchSizes
from shapes import cube


def _write(files: dict[str, bytes], folder: Path) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _sizes(*heights: float) -> tuple[SwitchSizes, ...]:
    return tuple(SwitchSizes(unreal_screen_size=height, unity_height=height, godot_metres=1.0) for height in heights)


_FITTED = Primitive(kind="box", center=(0.5, 1.0, 0.0), size=(0.25, 0.5, 0.75), rotation=(0.0, 0.6, 0.0, 0.8))
_BLOCK = shape_mesh(_FITTED)


def test_the_folder_holds_a_model_its_textures_and_the_script() -> None:
    made = engine_files("unity", handover(prop()))
    assert sorted(made.files) == [
        "Editor/KilnImport_Egg.cs",
        "Egg.fbx",
        "Egg_BaseColor.png",
        "Egg_Collision.fbx",
        "Egg_MaskMap.png",
        "Egg_Normal.png",
    ]
    assert made.files == engine_files("unity", handover(prop())).files


def test_no_blank_of_the_script_is_left_open() -> None:
    made = [engine_files("unity", handover(asset)).files for asset in (prop(), many(), skinned())]
    scripts = [data.decode() for files in made for path, data in files.items() if path.endswith(".cs")]
    assert len(scripts) == 3 and not any("__" in script for script in scripts)


def test_the_model_stands_in_metres_y_up_and_equals_the_glb(tmp_path: Path) -> None:
    _write(engine_files("unity", handover(prop())).files, tmp_path)
    (tmp_path / "Egg.glb").write_bytes(neutral(prop()))
    fbx = read_fbx(tmp_path / "Egg.fbx")
    assert (fbx.axes, fbx.unit_metres, fbx.warnings) == (("+X", "+Y", "+Z"), 1.0, ())
    assert sorted(fbx.meshes) == ["Egg_LOD0", "Egg_LOD1", "Egg_LOD2"]
    assert set(fbx.parents.values()) == {""}
    assert all(np.allclose(matrix, np.eye(4), atol=1e-12) for matrix in fbx.matrices.values())
    assert max(differences(fbx.meshes["Egg_LOD0"], read_glb(tmp_path / "Egg.glb")["Egg"]).values()) < 1e-5
    assert all((tmp_path / path).is_file() for path in fbx.materials["Egg"].values())


def test_hulls_that_nothing_replaces_are_a_model_of_their_own(tmp_path: Path) -> None:
    asset = replace(prop(), hulls=(_BLOCK, cube(0.25)), fits=(_FITTED,))
    _write(engine_files("unity", handover(asset)).files, tmp_path)
    found = read_fbx(tmp_path / "Egg_Collision.fbx").meshes
    assert list(found) == ["Egg_hull_01"]
    assert np.abs(found["Egg_hull_01"].positions - asset.hulls[1].positions[asset.hulls[1].triangles].reshape(-1, 3)).max() < 1e-6
    assert "Egg_Collision.fbx" not in engine_files("unity", handover(replace(asset, hulls=(_BLOCK,)))).files


def test_what_merely_resembles_a_hull_does_not_replace_it(tmp_path: Path) -> None:
    _write(engine_files("unity", handover(replace(prop(), hulls=(cube(), _BLOCK), fits=(_FITTED, None)))).files, tmp_path)
    assert list(read_fbx(tmp_path / "Egg_Collision.fbx").meshes) == ["Egg_hull_00", "Egg_hull_01"]


def test_the_mask_is_metallic_occlusion_one_smoothness() -> None:
    asset = prop()
    files = engine_files("unity", handover(asset)).files
    mask = cv2.imdecode(np.frombuffer(files["Egg_MaskMap.png"], np.uint8), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    assert asset.material is not None and asset.material.orm is not None
    occlusion, roughness, metallic = np.moveaxis(asset.material.orm, -1, 0)
    assert np.array_equal(mask, np.stack([metallic, occlusion, np.full_like(metallic, 255), 255 - roughness], axis=-1))


def test_colours_and_opengl_normals_are_the_neutral_packages_files() -> None:
    given = handover(prop())
    files = engine_files("unity", given).files
    assert files["Egg_BaseColor.png"] == given.textures["textures/Egg_base_color.png"]
    assert files["Egg_Normal.png"] == given.textures["textures/Egg_normal.png"]


def test_several_materials_keep_their_slots_and_names(tmp_path: Path) -> None:
    _write(engine_files("unity", handover(many())).files, tmp_path)
    fbx = read_fbx(tmp_path / "Patchwork.fbx")
    assert list(fbx.materials) == ["Patchwork_first", "Patchwork_plain", "Patchwork_third"]
    assert fbx.meshes["Patchwork"].materials[:6].tolist() == [0, 1, 2, 0, 1, 2]
    assert {path.name for path in tmp_path.glob("*_MaskMap.png")} == {"Patchwork_first_MaskMap.png", "Patchwork_third_MaskMap.png"}


def test_a_skinned_asset_has_its_joints_under_the_root(tmp_path: Path) -> None:
    made = engine_files("unity", handover(skinned()))
    _write(made.files, tmp_path)
    fbx = read_fbx(tmp_path / "Worm.fbx")
    assert fbx.parents["root"] == ""
    assert fbx.joints == {"root", "spine_01", "spine_02", "spine_03"}
    assert "Skinned = true" in made.files["Editor/KilnImport_Worm.cs"].decode()


def test_textures_lie_in_the_model_too_when_asked(tmp_path: Path) -> None:
    files = engine_files("unity", handover(prop(), embed_textures=True)).files
    _write(files, tmp_path)
    assert set(read_fbx(tmp_path / "Egg.fbx").embedded.values()) == {files["Egg_BaseColor.png"], files["Egg_Normal.png"]}


@pytest.mark.parametrize(
    ("fit", "local"),
    [
        (Primitive(kind="box", center=(1.0, 2.0, 3.0), size=(1.0, 2.0, 4.0), rotation=(0.1, 0.3, -0.5, math.sqrt(0.65))), (0.5, 1.0, 2.0)),
        (Primitive(kind="capsule", center=(-1.0, 0.5, 0.0), size=(1.0, 3.0, 1.0), rotation=(0.0, 0.0, 0.6, 0.8)), (0.0, 1.5, 0.0)),
    ],
)
def test_a_fitted_bodys_points_are_mirrored_in_x(fit: Primitive, local: tuple[float, float, float]) -> None:
    def world(body: Primitive, point: np.ndarray) -> np.ndarray:
        (*axis, w), at = body.rotation, np.array(body.center)
        return at + point + 2 * np.cross(axis, np.cross(axis, point) + w * point)

    mirror = np.array((-1.0, 1.0, 1.0))
    assert in_unity(fit).size == fit.size
    assert np.allclose(world(in_unity(fit), np.array(local) * mirror), world(fit, np.array(local)) * mirror, atol=1e-12)
    assert in_unity(in_unity(fit)) == fit


def test_each_height_is_the_measured_one_and_the_last_lod_stays() -> None:
    assert lod_heights(_sizes(0.6, 0.2), 2) == (0.6, 0.2, 0.0)
    assert lod_heights((), 0) == ()


def test_heights_always_fall_as_unity_demands() -> None:
    heights = lod_heights(_sizes(0.3, 0.3, 0.8), 3)
    assert all(later < earlier for earlier, later in pairwise(heights))


def test_heights_that_nobody_measured_are_halves_and_a_note_says_so() -> None:
    assert lod_heights((), 3) == (0.5, 0.25, 0.125, 0.0)
    assert any("not measured" in note for note in engine_files("unity", handover(prop())).notes)
    measured = replace(handover(prop()), switch=_sizes(0.5, 0.2))
    assert engine_files("unity", measured).notes == ()


@pytest.mark.parametrize(
    "asset",
    [
        Asset(name="Bare", source=cube()),
        Asset(name="Bare", source=cube(), mesh=cube(), material=Material(name="Bare", roughness_factor=0.25)),
        Asset(name="Bare", source=replace(cube(), normals=None), hulls=(cube(),)),
    ],
    ids=["no material", "no UVs", "no LODs"],
)
def test_what_lacks_maps_uvs_or_lods_still_goes_to_unity(asset: Asset, tmp_path: Path) -> None:
    _write(engine_files("unity", handover(asset)).files, tmp_path)
    fbx = read_fbx(tmp_path / "Bare.fbx")
    assert "Bare" in fbx.meshes and len(fbx.materials) == 1 and not list(tmp_path.glob("*.png"))


def test_many_joints_and_hulls_that_they_do_not_move_are_notes() -> None:
    told = " ".join(engine_files("unity", handover(replace(skinned(bones=300), hulls=(cube(),)))).notes)
    assert "300 joints" in told and "stand still" in told


def test_an_asset_without_extent_is_refused() -> None:
    with pytest.raises(ModelError, match="scal"):
        engine_files("unity", Handover(asset=Asset(name="Point", source=cube(0.0)), textures={}))


_NODES = ["Egg.fbx:Egg_LOD0", "Egg.fbx:Egg_LOD1", "Egg.fbx:Egg_LOD2", "Egg_Collision.fbx:Egg_hull_00", "Egg_Collision.fbx:Egg_hull_01"]


def _write_unity(asset: Asset, project: Path, *heights: float) -> None:
    files = engine_files("unity", replace(handover(asset), switch=_sizes(*heights[: len(asset.lods)]))).files
    _write({f"Assets/props/{path}": data for path, data in files.items()}, project)


def _played(asset: Asset, project: Path, shader: str, nodes: list[str]) -> list[str]:
    _write_unity(asset, project, 0.6, 0.2)
    (project / "Assets/other").mkdir(parents=True)
    (project / "Assets/other/Egg_Normal.png").write_bytes(b"of the same name, in another folder")
    return play_unity(project, project / f"Assets/props/Editor/KilnImport_{asset.name}.cs", shader=shader, nodes=nodes)


@pytest.mark.long
def test_the_script_makes_a_prefab_with_lods_and_colliders_a_material_and_flags_once(tmp_path: Path) -> None:
    told = _played(replace(prop(), hulls=(cube(), _BLOCK), fits=(None, _FITTED)), tmp_path, "HDRP/Lit", _NODES)
    assert [line for line in told if line.startswith("lod ")] == ["lod 0.6 Egg_LOD0", "lod 0.2 Egg_LOD1", "lod 0 Egg_LOD2"]
    assert "node Egg_hull_00 0,0,0 0,0,0,1 MeshCollider;sharedMesh=Egg_hull_00;convex=True" in told
    assert "node Egg_hull_01 -0.5,1,0 0,-0.6,0,0.8 BoxCollider;center=0,0,0;size=0.25,0.5,0.75" in told
    assert "node Egg_LOD0 0,0,0 0,0,0,1 MeshFilter;sharedMesh=Egg_LOD0 MeshRenderer" in told
    flags = {line.split()[1]: line for line in told if line.startswith("importer ")}
    assert "sRGBTexture=False textureType=NormalMap" in flags["Assets/props/Egg_Normal.png"]
    assert "sRGBTexture=True textureType=Default" in flags["Assets/other/Egg_Normal.png"]
    assert "sRGBTexture=False textureType=Default" in flags["Assets/props/Egg_MaskMap.png"]
    assert "sRGBTexture=True textureType=Default" in flags["Assets/props/Egg_BaseColor.png"]
    assert "generateSecondaryUV=False" in flags["Assets/props/Egg.fbx"]
    assert [line for line in told if line.startswith("created ")] == ["created Assets/props/Egg.mat", "created Assets/props/Egg.prefab"]
    assert "remap Egg made" in told
    assert not [line for line in told[told.index("again") :] if line.startswith("import ")]


_ARTIST = """
using System.Linq;
using UnityEngine;
public sealed class Rust : Component {{ }}
public static class Artist
{{
    public static void Work()
    {{
        var prefab = (GameObject)UnityEditor.AssetDatabase.Made["Assets/props/Egg.prefab"];
        prefab.name = "mine";
        {}
    }}
}}
"""


def _played_again(before: Asset, after: Asset, project: Path, work: str) -> list[str]:
    """What is told of a later export, after an artist's work on the first one's prefab."""
    script, earlier, artist = (project / path for path in ("Assets/props/Editor/KilnImport_Egg.cs", "Earlier.cs", "Artist.cs"))
    _write_unity(before, project, 0.6, 0.2)
    earlier.write_text(script.read_text(encoding="utf-8").replace("namespace Kiln.Imported", "namespace Kiln.Earlier"), encoding="utf-8")
    artist.write_text(_ARTIST.format(work), encoding="utf-8")
    _write_unity(after, project, 0.5, 0.1)
    nodes = [f"Egg.fbx:Egg_LOD{level}" for level in range(3)] + [f"Egg_Collision.fbx:Egg_hull_{number:02d}" for number in range(3)]
    told = play_unity(project, earlier, script, artist, shader="HDRP/Lit", nodes=nodes)
    return told[told.index("later") + 1 :]


_HULL_0 = "node Egg_hull_00 0,0,0 0,0,0,1 MeshCollider;sharedMesh=Egg_hull_00;convex=True"


@pytest.mark.long
def test_a_later_export_brings_the_prefab_its_heights_and_colliders(tmp_path: Path) -> None:
    before = replace(prop(), hulls=(cube(), _BLOCK), fits=(None, _FITTED))
    after = replace(prop(), hulls=(_BLOCK, cube(), cube()), fits=(_FITTED,))
    told = _played_again(before, after, tmp_path, "")
    assert told.count("saved Assets/props/Egg.prefab") == 1
    assert [line for line in told if line.startswith("lod ")] == ["lod 0.5 Egg_LOD0", "lod 0.1 Egg_LOD1", "lod 0 Egg_LOD2"]
    assert [line for line in told if line.startswith("node Egg_hull")] == [
        "node Egg_hull_00 -0.5,1,0 0,-0.6,0,0.8 BoxCollider;center=0,0,0;size=0.25,0.5,0.75",
        "node Egg_hull_01 0,0,0 0,0,0,1 MeshCollider;sharedMesh=Egg_hull_01;convex=True",
        "node Egg_hull_02 0,0,0 0,0,0,1 MeshCollider;sharedMesh=Egg_hull_02;convex=True",
    ]
    fewer = _played_again(before, replace(prop(), hulls=(cube(),)), tmp_path, "")
    assert [line for line in fewer if line.startswith("node Egg_hull")] == [_HULL_0]


@pytest.mark.long
def test_a_later_export_leaves_an_artists_work_alone(tmp_path: Path) -> None:
    work = """
        prefab.GetComponent<LODGroup>().SetLODs(new[] { 0.9f, 0.8f, 0.7f }.Select(height => new LOD(height, new Renderer[0])).ToArray());
        prefab.transform.Find("Egg_hull_00").gameObject.AddComponent<Rust>();
        prefab.transform.Find("Egg_hull_01").gameObject.AddComponent<Rust>();
        Object.DestroyImmediate(prefab.transform.Find("Egg_hull_02").gameObject);
        new GameObject("Egg_hull_03").transform.SetParent(prefab.transform, false);
        new GameObject("Handle").transform.SetParent(prefab.transform, false);"""
    before, after = replace(prop(), hulls=(cube(),) * 3), replace(prop(), hulls=(_BLOCK,), fits=(_FITTED,))
    told = _played_again(before, after, tmp_path, work)
    assert [line.strip() for line in told if line.startswith("node ") and "_LOD" not in line] == [
        "node Egg_hull_00 -0.5,1,0 0,-0.6,0,0.8 Rust BoxCollider;center=0,0,0;size=0.25,0.5,0.75",
        "node Egg_hull_01 0,0,0 0,0,0,1 Rust",
        "node Egg_hull_03 0,0,0 0,0,0,1",
        "node Handle 0,0,0 0,0,0,1",
    ]
    assert [line.strip() for line in told if line.startswith("lod ")] == ["lod 0.9", "lod 0.8", "lod 0.7"]


@pytest.mark.long
@pytest.mark.parametrize("own", ['importer.userData = "mine";', 'importer.userData = "mine " + importer.userData;'])
def test_a_prefab_is_the_artists_without_the_note_and_else_keeps_what_is_noted_beside_it(own: str, tmp_path: Path) -> None:
    work = f'var importer = UnityEditor.AssetImporter.GetAtPath("Assets/props/Egg.prefab"); {own}'
    told = _played_again(prop(), replace(prop(), hulls=()), tmp_path, work)
    assert ("saved Assets/props/Egg.prefab" in told) == ("+" in own)
    assert any(line.startswith("node Egg_hull") for line in told) == ("+" not in own)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shader", "slots"),
    [
        ("HDRP/Lit", {"_BaseColorMap": "BaseColor", "_NormalMap": "Normal", "_MaskMap": "MaskMap"}),
        (
            "Universal Render Pipeline/Lit",
            {"_BaseMap": "BaseColor", "_BumpMap": "Normal", "_MetallicGlossMap": "MaskMap", "_OcclusionMap": "MaskMap"},
        ),
        ("Standard", {"_MainTex": "BaseColor", "_BumpMap": "Normal", "_MetallicGlossMap": "MaskMap", "_OcclusionMap": "MaskMap"}),
    ],
)
def test_the_material_fits_every_pipeline(shader: str, slots: dict[str, str], tmp_path: Path) -> None:
    told = _played(prop(), tmp_path, shader, _NODES)
    assert f"material {shader} queue=-1" in told
    found = dict(match.groups() for line in told if (match := re.fullmatch(r"  (\S+) Egg_(\w+)\.png", line)))
    assert found == slots


@pytest.mark.long
def test_the_script_of_a_skinned_asset_of_plain_glowing_see_through_material_compiles(tmp_path: Path) -> None:
    material = Material(
        name="Worm",
        base_color_factor=(0.5, 0.0, 1.0, 0.5),
        emissive_factor=(0.0, 2.0, 0.0),
        roughness_factor=0.25,
        metallic_factor=0.5,
        alpha_mode="BLEND",
        double_sided=True,
    )
    told = _played(replace(skinned(), material=material), tmp_path, "Universal Render Pipeline/Lit", ["Worm.fbx:Worm"])
    assert "material Universal Render Pipeline/Lit queue=3000" in told
    for line in ("_BaseColor 0.735357,0,1,0.5", "_EmissionColor 0,2,0,1", "_Smoothness 0.75", "_Metallic 0.5", "_Cull 0", "_Surface 1"):
        assert f"  {line}" in told
    assert any("animationType=Generic" in line for line in told)


@pytest.mark.long
def test_scripts_of_several_assets_compile_as_one_project(tmp_path: Path) -> None:
    for number, asset in enumerate((prop(), prop("egg"), many(), skinned())):
        _write(engine_files("unity", handover(asset)).files, tmp_path / f"{asset.name}_{number}")
    compile_unity(tmp_path, *tmp_path.glob("*/Editor/*.cs"))


def test_vertex_colours_that_unity_would_not_show_are_told_of() -> None:
    colored = replace(cube(), colors=np.full((cube().vertex_count, 4), 200, np.uint8))
    assert any("vertex colours" in note for note in engine_files("unity", handover(Asset(name="Painted", source=colored))).notes)
    assert not any("vertex colours" in note for note in engine_files("unity", handover(Asset(name="Plain", source=cube()))).notes)
