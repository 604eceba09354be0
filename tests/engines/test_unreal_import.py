"""The editor's script, run in a stand-in for Unreal's module that reads the FBX with ufbx and knows only documented names."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engines.props import handover, many, prop, skinned
from engines.readers.unreal import FakeUnreal, Flavour
from kiln.asset import Asset, Primitive
from kiln.engines import Handover, engine_files
from kiln.geometry.switch import SwitchSizes

SIZES = tuple(SwitchSizes(unreal_screen_size=size, unity_height=0.5, godot_metres=1.0) for size in (0.4, 0.2))
FLAVOURS: tuple[Flavour, ...] = ("old", "new")


def written(given: Handover, folder: Path) -> Path:
    """The folder's files on disk; the script's path."""
    folder.mkdir(exist_ok=True)
    for path, data in engine_files("unreal", given).files.items():
        (folder / path).write_bytes(data)
    return next(folder.glob("import_*.py"))


def played(script: Path, monkeypatch: pytest.MonkeyPatch, editor: FakeUnreal, **names: object) -> FakeUnreal:
    """The editor after running the script in it."""
    editor.intermediate = str(script.parent / "Intermediate")
    monkeypatch.setitem(__import__("sys").modules, "unreal", editor)
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), {"__name__": "__main__", "__file__": str(script), **names})  # noqa: S102
    return editor


def values(editor: FakeUnreal, path: str) -> Mapping[str, object]:
    return editor.assets[path].values


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_prop_is_put_together_without_a_complaint(flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(handover(prop()), switch=SIZES)
    editor = played(written(given, tmp_path), monkeypatch, FakeUnreal(flavour))
    # Old versions take screen sizes on import only.
    assert {text for text in editor.warned if not text.startswith("Kiln: - ")} == (
        set() if flavour == "new" else {"Kiln: this version of Unreal has no set_lod_screen_sizes"}
    )
    mesh = editor.assets["/Game/Kiln/Egg/SM_Egg"]
    assert (mesh.lods, mesh.hulls) == (3, 2)
    assert [slot.values["material_interface"].path for slot in mesh.values["static_materials"]] == ["/Game/Kiln/Egg/MI_Egg"]
    if flavour == "new":
        assert mesh.screen_sizes == [1.0, 0.4, 0.2]
    options = editor.imports[-1]["options"].values
    assert [options[f"lod_distance{level}"] for level in range(3)] == [1.0, 0.4, 0.2]
    assert editor.saved == ["/Game/Kiln/Egg", "/Game/Kiln/Materials"]
    assert any("with 3 of 3 textures and 1 of 1 materials" in text for text in editor.logged)


@pytest.mark.parametrize(
    ("name", "srgb", "compression"),
    [("T_Egg_BC", True, "TC_DEFAULT"), ("T_Egg_N", False, "TC_NORMALMAP"), ("T_Egg_ORM", False, "TC_MASKS")],
)
def test_textures_are_read_as_what_they_are(
    name: str, srgb: bool, compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = played(written(handover(prop()), tmp_path), monkeypatch, FakeUnreal())
    found = values(editor, f"/Game/Kiln/Egg/{name}")
    assert (found["srgb"], found["compression_settings"], found["flip_green_channel"]) == (
        srgb,
        f"TextureCompressionSettings.{compression}",
        False,
    )


def test_the_master_reads_orm_by_its_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = played(written(handover(prop()), tmp_path), monkeypatch, FakeUnreal())
    ends = {end: (source, output) for source, output, end, _ in editor.joined if isinstance(end, str)}
    assert ends["MaterialProperty.MP_AMBIENT_OCCLUSION"][1] == "R"
    for end, channel in (("ROUGHNESS", "G"), ("METALLIC", "B")):
        product = ends[f"MaterialProperty.MP_{end}"][0]
        assert {(source.values["parameter_name"], output) for source, output, target, _ in editor.joined if target is product} == {
            ("ORM", channel),
            (f"{end.capitalize()}Factor", ""),
        }
    assert editor.parameters["/Game/Kiln/Egg/MI_Egg", "ORM"].path == "/Game/Kiln/Egg/T_Egg_ORM"
    assert editor.parameters["/Game/Kiln/Egg/MI_Egg", "Emissive"].path == "/Game/Kiln/Materials/T_Kiln_White"


@pytest.mark.parametrize("asset", [prop(), skinned()], ids=lambda asset: asset.name)
def test_a_second_run_replaces_and_makes_nothing_new(asset: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = written(handover(asset), tmp_path)
    editor = played(script, monkeypatch, FakeUnreal())
    before = set(editor.assets)
    played(script, monkeypatch, editor)
    assert set(editor.assets) == before
    assert editor.warned == []
    assert editor.imports[-1]["replace_existing"] is True


def test_each_material_goes_into_the_slot_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = played(written(handover(many()), tmp_path), monkeypatch, FakeUnreal())
    slots = values(editor, "/Game/Kiln/Patchwork/SM_Patchwork")["static_materials"]
    found = {slot.values["material_slot_name"]: slot.values["material_interface"].path.rsplit("/", 1)[1] for slot in slots}
    assert found == {f"M_Patchwork_{name}": f"MI_Patchwork_{name}" for name in ("first", "plain", "third")}
    assert editor.parameters["/Game/Kiln/Patchwork/MI_Patchwork_plain", "BaseColorTint"] == (0.8, 0.1, 0.05, 1.0)
    assert editor.parameters["/Game/Kiln/Patchwork/MI_Patchwork_plain", "RoughnessFactor"] == 0.4


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_skinned_asset_becomes_a_skeletal_mesh_with_its_skeleton(
    flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = played(written(handover(skinned()), tmp_path), monkeypatch, FakeUnreal(flavour))
    assert {path.rsplit("/", 1)[1] for path in editor.assets if "/Worm/S" in path or "/PHYS" in path} == {
        "SK_Worm",
        "SKEL_Worm",
        "PHYS_Worm",
    }
    slot = values(editor, "/Game/Kiln/Worm/SK_Worm")["materials"][0]
    assert slot.values["material_interface"].path == "/Game/Kiln/Worm/MI_Worm"
    assert values(editor, "/Game/Kiln/Materials/M_Kiln_ORM")["used_with_skeletal_mesh"] is True


@pytest.mark.parametrize(
    ("mode", "master", "end"),
    [("MASK", "M_Kiln_ORM_Masked", "MP_OPACITY_MASK"), ("BLEND", "M_Kiln_ORM_Translucent_TwoSided", "MP_OPACITY")],
)
def test_transparent_materials_have_masters_of_their_own(
    mode: str, master: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = prop()
    material = replace(asset.material, alpha_mode=mode, double_sided=mode == "BLEND", base_color_factor=(1.0, 1.0, 1.0, 0.5))
    editor = played(written(handover(replace(asset, material=material)), tmp_path), monkeypatch, FakeUnreal())
    assert values(editor, "/Game/Kiln/Egg/MI_Egg")["parent"].path == f"/Game/Kiln/Materials/{master}"
    assert f"MaterialProperty.{end}" in {target for _, _, target, _ in editor.joined}
    assert editor.parameters["/Game/Kiln/Egg/MI_Egg", "Opacity"] == 0.5
    assert editor.warned == []


def test_vertex_colours_show_where_there_are_no_uvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = prop()
    bare = replace(asset.mesh, uvs=None, lightmap_uvs=None, tangents=None, colors=np.full((asset.mesh.vertex_count, 4), 200, np.uint8))
    editor = played(written(handover(replace(asset, mesh=bare, lods=(), material=None)), tmp_path), monkeypatch, FakeUnreal())
    assert editor.warned == []
    assert editor.parameters["/Game/Kiln/Egg/MI_Egg", "UseVertexColor"] == 1.0
    data = editor.imports[-1]["options"].values["static_mesh_import_data"].values
    assert data["normal_import_method"] == "FBXNormalImportMethod.FBXNIM_IMPORT_NORMALS"


def test_nanite_is_switched_on_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = played(written(handover(prop(), nanite=True), tmp_path), monkeypatch, FakeUnreal())
    mesh = editor.assets["/Game/Kiln/Egg/SM_Egg"]
    assert (mesh.values["nanite_settings"].values["enabled"], mesh.lods) == (True, 1)
    assert values(editor, "/Game/Kiln/Materials/M_Kiln_ORM")["used_with_nanite"] is True


def test_fitted_bodies_are_counted_as_collision_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = (Primitive(kind="box", center=(0.0, 0.0, 0.0), size=(0.5, 0.5, 0.5)), None)
    editor = played(written(handover(replace(prop(), fits=fits)), tmp_path), monkeypatch, FakeUnreal())
    mesh = editor.assets["/Game/Kiln/Egg/SM_Egg"]
    assert (mesh.primitives, mesh.hulls, editor.warned) == (1, 1, [])


def test_the_legacy_importer_reads_the_fbx_and_the_project_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    editor.broken = {".fbx"}
    played(written(handover(prop()), tmp_path), monkeypatch, editor)
    assert editor.commands == ["Interchange.FeatureFlags.Import.FBX 0", "Interchange.FeatureFlags.Import.FBX 1"]


def test_an_unreal_without_a_legacy_importer_takes_it_by_interchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    del editor.FbxFactory
    played(written(handover(prop()), tmp_path), monkeypatch, editor)
    assert editor.warned == []
    assert type(editor.imports[-1]["options"]).__name__ == "InterchangePipelineStackOverride"
    assert "/Game/Kiln/Egg/SM_Egg" in editor.assets


@pytest.mark.parametrize("suffix", [".png", ".fbx"])
def test_what_cannot_be_imported_is_said_and_the_rest_is_made(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    editor.broken = {suffix}
    played(written(handover(prop()), tmp_path), monkeypatch, editor)
    assert any(f"Unreal imported nothing from {tmp_path}" in text for text in editor.warned)
    assert ("/Game/Kiln/Egg/SM_Egg" in editor.assets) == (suffix == ".png")
    assert editor.saved


def test_missing_files_and_an_unknown_place_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = written(handover(prop()), tmp_path)
    (tmp_path / "T_Egg_N.png").unlink()
    assert any("T_Egg_N.png is not there" in text for text in played(script, monkeypatch, FakeUnreal()).warned)
    elsewhere = played(script, monkeypatch, FakeUnreal(), __file__="")
    assert any("set SOURCE_FOLDER" in text for text in elsewhere.warned)


@pytest.mark.parametrize("gone", ["MaterialEditingLibrary", "AssetImportTask", "EditorAssetLibrary", "AssetToolsHelpers", "Material"])
def test_no_exception_reaches_the_editor_whatever_a_version_lacks(gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    delattr(editor, gone)
    assert played(written(handover(prop()), tmp_path), monkeypatch, editor).warned


def test_half_a_master_material_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    del editor.MaterialExpressionPower
    played(written(handover(prop()), tmp_path), monkeypatch, editor)
    assert "/Game/Kiln/Materials/M_Kiln_ORM" not in editor.assets
    assert any("MI_Egg failed" in text for text in editor.warned)


def test_wrong_units_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = FakeUnreal()
    box = SimpleNamespace(min=SimpleNamespace(x=0, y=0, z=0), max=SimpleNamespace(x=60, y=40, z=1))
    editor.StaticMesh.get_bounding_box = lambda mesh: box
    assert any("cm instead of" in text for text in played(written(handover(prop()), tmp_path), monkeypatch, editor).warned)


def test_the_script_is_python_3_9_with_its_values_at_the_top(tmp_path: Path) -> None:
    source = written(handover(many()), tmp_path).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    first = next(node for node in tree.body if isinstance(node, ast.Assign))
    assert isinstance(first.targets[0], ast.Name) and first.targets[0].id == "ASSET"
    assert ast.literal_eval(first.value)["mesh"] == "SM_Patchwork"
    assert not re.search(r"__[A-Z_]+__", source)
