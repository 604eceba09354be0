"""Maps that lie beside the ones an FBX file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines import props
from formats.fbx.handmade import Made, properties
from kiln.asset import Asset, Material
from kiln.engines import EngineName, engine_files
from kiln.formats.fbx.records import Record
from kiln.formats.model import Model, read_model
from kiln.formats.png import encode_png

COLOR, ORM = np.full((4, 4, 4), (10, 20, 30, 255), np.uint8), np.full((4, 4, 3), (100, 150, 200), np.uint8)
MASK = np.full((4, 4, 4), (200, 100, 255, 105), np.uint8)
"""The same as ORM, in Unity's channels."""


def _file(folder: Path, texture: str, *, material: str = "paint", **values: object) -> Path:
    made = Made()
    node = made.add_node()
    made.add_mesh(node)
    paint = made.add("Material", material, "", Record("ShadingModel", ("phong",)), properties(values), under=node)
    if texture:
        made.connect(made.add("Texture", "t", "", Record("RelativeFilename", (texture,))), paint, "DiffuseColor")
    (folder / "a.fbx").write_bytes(made.data())
    return folder / "a.fbx"


def _lay(folder: Path, **pictures: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        (folder / f"{name}.png").write_bytes(encode_png(pixels))


def _only(model: Model) -> Material:
    [material] = model.materials
    return material


@pytest.mark.parametrize(
    ("texture", "beside"),
    [
        ("T_Crate_BC.png", {"T_Crate_ORM": ORM}),
        ("T_Crate_N.png", {"T_Crate_ORM": ORM}),
        ("Crate_BaseColor.png", {"Crate_MaskMap": MASK}),
        ("Crate_Normal.png", {"Crate_ORM": ORM}),
        ("Crate_BaseColor.png", {"Crate_ORM": ORM, "Crate_MaskMap": 255 - MASK}),
        ("maps/T_Crate_BC.png", {"maps/T_Crate_ORM": ORM}),
    ],
)
def test_the_surface_of_a_texture_is_taken_and_told_of(tmp_path: Path, texture: str, beside: dict[str, np.ndarray]) -> None:
    (tmp_path / "maps").mkdir()
    _lay(tmp_path, **{texture.removesuffix(".png"): COLOR}, **beside)
    model = read_model(_file(tmp_path, texture))
    material = _only(model)
    np.testing.assert_array_equal(material.orm, ORM)
    assert (material.roughness_factor, material.metallic_factor) == (1, 1)
    assert model.notes == (f"{next(iter(beside))}.png, which the file does not name, was taken for its name",)
    assert f"{next(iter(beside))}.png" in [record.name for record in model.inputs]


def test_emission_shines_though_the_material_says_nothing_of_it(tmp_path: Path) -> None:
    _lay(tmp_path, T_Crate_BC=COLOR, T_Crate_E=ORM)
    material = _only(read_model(_file(tmp_path, "T_Crate_BC.png", EmissiveFactor=0.0)))
    np.testing.assert_array_equal(material.emissive, ORM)
    assert material.emissive_factor == (1, 1, 1)


@pytest.mark.parametrize(("material", "beside"), [("M_Crate", "T_Crate_ORM"), ("Crate", "Crate_ORM")])
def test_a_material_without_textures_is_asked_for_its_name(tmp_path: Path, material: str, beside: str) -> None:
    _lay(tmp_path, **{beside: ORM})
    np.testing.assert_array_equal(_only(read_model(_file(tmp_path, "", material=material))).orm, ORM)


def test_what_is_called_otherwise_or_lies_elsewhere_stays(tmp_path: Path) -> None:
    _lay(tmp_path, T_Crate_BC=COLOR, T_Barrel_ORM=ORM, Crate_ORM=ORM)
    _lay(tmp_path / "maps", T_Crate_ORM=ORM)
    model = read_model(_file(tmp_path, "T_Crate_BC.png"))
    assert _only(model).orm is None and model.notes == ()


def test_a_file_beside_that_is_no_picture_is_a_note(tmp_path: Path) -> None:
    _lay(tmp_path, T_Crate_BC=COLOR)
    (tmp_path / "T_Crate_ORM.png").write_bytes(b"nothing")
    model = read_model(_file(tmp_path, "T_Crate_BC.png"))
    assert _only(model).orm is None
    assert len(model.notes) == 1 and model.notes[0].startswith("the texture 'T_Crate_ORM.png'")


def test_without_textures_nothing_beside_is_opened(tmp_path: Path) -> None:
    _lay(tmp_path, T_Crate_BC=COLOR, T_Crate_ORM=ORM)
    model = read_model(_file(tmp_path, "T_Crate_BC.png"), textures=False)
    assert _only(model).orm is None and len(model.inputs) == 1


@pytest.mark.parametrize("engine", ["unreal", "unity"])
@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize("make", [props.prop, props.many], ids=lambda make: make.__name__)
def test_kilns_own_folders_come_back_with_all_maps(engine: EngineName, make: Callable[[], Asset], embed: bool, tmp_path: Path) -> None:
    asset = make()
    for path, data in engine_files(engine, props.handover(asset, embed_textures=embed)).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    [fbx] = [path for path in tmp_path.glob("*.fbx") if "Collision" not in path.name]
    meant = [asset.material] if asset.material is not None else list(asset.source_materials)
    for found, expected in zip(read_model(fbx).materials, meant, strict=True):
        for name in ("base_color", "normal", "orm", "emissive"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
        assert found.roughness_factor == pytest.approx(expected.roughness_factor)
        assert found.metallic_factor == expected.metallic_factor
