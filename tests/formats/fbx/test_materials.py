"""Materials and textures as records made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from formats.fbx.handmade import SQUARE, Made, layer, properties, table
from kiln.asset import UNMADE, Material
from kiln.errors import ModelError
from kiln.formats.fbx.records import Record
from kiln.formats.model import Model, read_model
from kiln.formats.png import encode_png

FLAT = np.full((8, 8, 3), (128, 128, 255), np.uint8)
TILTED = np.full((8, 8, 3), (128, 200, 232), np.uint8)
"""A normal that leans towards +v as OpenGL means it."""


def _read(folder: Path, made: Made) -> Model:
    (folder / "a.fbx").write_bytes(made.data())
    return read_model(folder / "a.fbx")


def _scene(model: str = "phong", creator: str = "by hand", **values: object) -> tuple[Made, int]:
    """A square, and its material's id. In names of properties __ stands for |, so that they can be keywords."""
    made = Made(creator=creator)
    node = made.add_node()
    made.add_mesh(node)
    said = properties({name.replace("__", "|"): value for name, value in values.items()})
    return made, made.add("Material", "paint", "", Record("ShadingModel", (model,)), said, under=node)


def _material(folder: Path, model: str = "phong", creator: str = "by hand", **values: object) -> Material:
    (material,) = _read(folder, _scene(model, creator, **values)[0]).materials
    return material


def _texture(made: Made, material: int, slot: str, path: str, content: bytes = b"") -> int:
    texture = made.add("Texture", "t", "", Record("FileName", (f"C:\\work\\{path}",)), Record("RelativeFilename", (path,)))
    made.connect(texture, material, slot)
    made.add("Video", "v", "Clip", Record("RelativeFilename", (path,)), Record("Content", (content,)), under=texture)
    return texture


def _gray(level: int) -> bytes:
    return encode_png(np.full((4, 4, 3), level, np.uint8))


def test_phong_colours_factors_and_shininess(tmp_path: Path) -> None:
    said = {"DiffuseColor": (1.0, 0.5, 0.0), "DiffuseFactor": 0.5, "EmissiveColor": (0.0, 1.0, 0.0), "EmissiveFactor": 3.0}
    material = _material(tmp_path, **said, ShininessExponent=25.0, ReflectionFactor=0.5)
    assert material.base_color_factor == (0.5, 0.25, 0.0, 1.0)
    assert material.emissive_factor == (0.0, 3.0, 0.0)
    assert (material.name, material.roughness_factor, material.metallic_factor, material.alpha_mode) == ("paint", 0.5, 0.0, "OPAQUE")


def test_lambert_is_matt_and_blenders_reflection_is_metal(tmp_path: Path) -> None:
    assert _material(tmp_path, "Lambert", Shininess=25.0).roughness_factor == 0.9
    assert _material(tmp_path, "Phong", "Blender (stable FBX IO)", Shininess=36.0, ReflectionFactor=1.0).metallic_factor == 1


@pytest.mark.parametrize(
    ("said", "alpha"),
    [
        ({"TransparencyFactor": 0.25}, 0.75),
        ({"TransparencyFactor": 1.0, "TransparentColor": (0.0, 0.0, 0.0)}, 1.0),  # Maya's default
        ({"TransparencyFactor": 1.0, "TransparentColor": (0.5, 0.5, 0.5)}, 0.5),
        ({"TransparencyFactor": 0.0, "Opacity": 0.4}, 0.4),
        ({"TransparencyFactor": 1.0}, 1.0),
        ({"Opacity": -7.0}, 1.0),
    ],
)
def test_transparency_as_several_programs_write_it(tmp_path: Path, said: dict[str, object], alpha: float) -> None:
    material = _material(tmp_path, **said)
    assert material.base_color_factor[3] == alpha
    assert material.alpha_mode == ("BLEND" if alpha < 1 else "OPAQUE")


PHYSICAL = {
    "stingray": ("Maya|base_color", "Maya|roughness", "Maya|metallic", "Maya|emissive"),
    "standard surface": ("Maya|baseColor", "Maya|specularRoughness", "Maya|metalness", "Maya|emissionColor"),
    "metal rough": ("3dsMax|main|base_color", "3dsMax|main|roughness", "3dsMax|main|metalness", "3dsMax|main|emit_color"),
    "physical": (
        "3dsMax|Parameters|base_color",
        "3dsMax|Parameters|roughness",
        "3dsMax|Parameters|metalness",
        "3dsMax|Parameters|emit_color",
    ),
}


@pytest.mark.parametrize("family", PHYSICAL)
def test_physical_materials_go_before_phong(tmp_path: Path, family: str) -> None:
    values = dict(zip(PHYSICAL[family], ((0.1, 0.2, 0.3), 0.4, 0.5, (0.6, 0.7, 0.8)), strict=True))
    material = _material(tmp_path, "unknown", **values, DiffuseColor=(9.0, 9.0, 9.0))
    assert material.base_color_factor == (0.1, 0.2, 0.3, 1.0)
    assert (material.roughness_factor, material.metallic_factor, material.emissive_factor) == (0.4, 0.5, (0.6, 0.7, 0.8))


def test_blenders_phong_has_roughness_and_metal_maps(tmp_path: Path) -> None:
    """The values of the properties that they are connected to say nothing then, not even 0."""
    made, material = _scene(creator="Blender (stable FBX IO)", ReflectionFactor=0.0, NormalMap=(0.0, 0.0, 0.0))
    for slot, content in (("ShininessExponent", _gray(20)), ("ReflectionFactor", _gray(30)), ("NormalMap", encode_png(FLAT))):
        _texture(made, material, slot, f"{slot}.png", content)
    read = _read(tmp_path, made).materials[0]
    assert read.orm[0, 0].tolist() == [255, 20, 30]
    assert (read.roughness_factor, read.metallic_factor) == (1, 1)
    assert read.normal[0, 0].tolist() == [128, 128, 255]


def test_tiling_is_noted(tmp_path: Path) -> None:
    made, material = _scene()
    texture = made.add("Texture", "t", "", properties({"Scaling": (2.0, 2.0, 1.0)}), under=material, slot="DiffuseColor")
    made.add("Video", "v", "Clip", Record("RelativeFilename", ("b.png",)), Record("Content", (_gray(1),)), under=texture)
    assert "tiling of the texture 'b.png' was left out" in _read(tmp_path, made).notes[0]


def test_smoothness_is_turned_into_roughness(tmp_path: Path) -> None:
    said = {"3dsMax|main|base_color": (1.0, 1.0, 1.0), "3dsMax|main|roughness": 0.25, "3dsMax|main|useGlossiness": 2}
    made, material = _scene(**said)
    assert _read(tmp_path, made).materials[0].roughness_factor == 0.75
    _texture(made, material, "3dsMax|main|roughness_map", "r.png", _gray(55))
    read = _read(tmp_path, made).materials[0]
    assert read.orm[0, 0].tolist() == [255, 200, 255]
    assert read.roughness_factor == 1


def test_maps_of_a_physical_material_are_packed_and_switched(tmp_path: Path) -> None:
    made, material = _scene(Maya__roughness=0.3, Maya__use_metallic_map=0.0, Maya__metallic=0.7)
    for slot, level in (("color", 10), ("roughness", 20), ("metallic", 30), ("ao", 40), ("emissive", 50)):
        _texture(made, material, f"Maya|TEX_{slot}_map", f"{slot}.png", _gray(level))
    read = _read(tmp_path, made).materials[0]
    assert read.base_color[0, 0].tolist() == [10, 10, 10, 255]
    assert read.orm[0, 0].tolist() == [40, 20, 255]
    assert (read.roughness_factor, read.metallic_factor) == (1.0, 0.7)
    assert read.emissive[0, 0].tolist() == [50, 50, 50]
    assert read.emissive_factor == (1, 1, 1)


def test_one_picture_for_roughness_and_metal_is_orm(tmp_path: Path) -> None:
    made, material = _scene(**{"3dsMax|main|base_color": (1.0, 1.0, 1.0)})
    texture = _texture(made, material, "3dsMax|main|roughness_map", "orm.png", encode_png(np.full((4, 4, 3), (1, 2, 3), np.uint8)))
    made.connect(texture, material, "3dsMax|main|metalness_map")
    assert _read(tmp_path, made).materials[0].orm[0, 0].tolist() == [255, 2, 3]


@pytest.mark.parametrize("place", ["", "textures/", "a.fbm/"])
def test_a_texture_is_found_by_its_own_name_beside_the_model(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "skin.png").write_bytes(_gray(7))
    made, material = _scene(DiffuseColor=(0.2, 0.2, 0.2))
    _texture(made, material, "DiffuseColor", "..\\..\\elsewhere\\skin.png")
    model = _read(tmp_path, made)
    assert model.materials[0].base_color[0, 0].tolist() == [7, 7, 7, 255]
    assert model.materials[0].base_color_factor == (1, 1, 1, 1)
    assert [file.name for file in model.inputs] == ["a.fbx", f"{place}skin.png"]
    assert read_model(tmp_path / "a.fbx", textures=False).materials[0].base_color is None


@pytest.mark.parametrize("path", ["gone.png", "../secret.png", "/etc/passwd", "C:\\secret.png", "x" * 5000, "\0"])
def test_a_texture_that_is_not_there_is_a_note(tmp_path: Path, path: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "secret.png").write_bytes(_gray(7))
    made, material = _scene(DiffuseColor=(0.2, 0.2, 0.2))
    _texture(made, material, "DiffuseColor", path)
    model = _read(tmp_path / "model", made)
    assert model.materials[0].base_color_factor == (0.2, 0.2, 0.2, 1)
    assert "is missing and was left out: put it beside the model" in model.notes[0]
    assert len(model.notes[0]) < 200


def test_a_texture_of_another_kind_is_a_note(tmp_path: Path) -> None:
    made, material = _scene()
    _texture(made, material, "DiffuseColor", "skin.tga", b"\0\0\2\0 a Targa")
    model = _read(tmp_path, made)
    assert model.materials[0].base_color is None
    assert model.notes == ("the texture 'skin.tga' is not a PNG, JPEG or WebP picture: export it again; it was left out",)


@pytest.mark.parametrize(("name", "green"), [("crate_normal", 200), ("T_Crate_N", 55), ("crate_DirectX", 55)])
@pytest.mark.parametrize("slot", ["NormalMap", "Bump"])
def test_normal_maps_are_opengls_unless_their_name_says_otherwise(tmp_path: Path, slot: str, name: str, green: int) -> None:
    made, material = _scene()
    _texture(made, material, slot, f"{name}.png", encode_png(TILTED))
    model = _read(tmp_path, made)
    assert model.materials[0].normal[0, 0].tolist() == [128, green, 232]
    assert bool(model.notes) == (green == 55)


def test_a_height_map_is_no_normal_map(tmp_path: Path) -> None:
    made, material = _scene()
    _texture(made, material, "Bump", "height.png", _gray(128))
    model = _read(tmp_path, made)
    assert model.materials[0].normal is None
    assert model.notes == ("the height map 'height' was left out: bake it as a normal map",)


def test_alpha_of_the_colour_map_counts_where_it_is_the_transparency_too(tmp_path: Path) -> None:
    made, material = _scene()
    texture = _texture(made, material, "DiffuseColor", "leaf.png", _gray(9))
    assert _read(tmp_path, made).materials[0].alpha_mode == "OPAQUE"
    made.connect(texture, material, "TransparentColor")
    assert _read(tmp_path, made).materials[0].alpha_mode == "BLEND"


def test_the_first_of_layered_textures_is_taken(tmp_path: Path) -> None:
    made, material = _scene()
    layers = made.add("LayeredTexture", "l", "", under=material, slot="DiffuseColor")
    for level in (3, 4):
        texture = made.add("Texture", "t", "", under=layers)
        made.add("Video", "v", "Clip", Record("Content", (_gray(level),)), under=texture)
    assert _read(tmp_path, made).materials[0].base_color[0, 0, 0] == 3


def test_pictures_too_large_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiln.formats.fbx.pictures._MAX_TOTAL_PIXELS", 40)
    made, material = _scene()
    _texture(made, material, "DiffuseColor", "a.png", encode_png(FLAT))
    with pytest.raises(ModelError, match="more than 40 pixels together"):
        _read(tmp_path, made)


def test_every_node_has_its_own_materials_and_empty_slots_have_none(tmp_path: Path) -> None:
    """One mesh, shown by a node with two materials the other way round, by one with one, and by one without."""
    made = Made()
    slots = layer("Material", "ByPolygon", "IndexToDirect", table("Materials", [0, 1], np.int32))
    red, blue, _ = (made.add("Material", name, "") for name in ("red", "blue", "unused"))
    nodes = [made.add_node(f"{number}") for number in range(3)]
    mesh = made.add_mesh(nodes[0], SQUARE, [(0, 1, 2), (0, 2, 3)], slots)
    for node, material in ((0, blue), (0, red), (1, red)):
        made.connect(material, nodes[node])
    for node in nodes[1:]:
        made.connect(mesh, node)
    model = _read(tmp_path, made)
    assert [material.name for material in model.materials] == ["red", "blue", "unmade"]
    assert model.materials[2] is UNMADE
    assert model.mesh.material_ids.tolist() == [1, 0, 0, 2, 2, 2]


def test_without_materials_there_are_none(tmp_path: Path) -> None:
    made = Made()
    made.add_mesh(made.add_node())
    model = _read(tmp_path, made)
    assert model.materials == ()
    assert model.mesh.material_ids is None
