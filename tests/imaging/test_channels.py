from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Material
from kiln.errors import RecipeError
from kiln.imaging.channels import METALLIC_SMOOTHNESS, ORM, UNITY_MASK_MAP, flip_green, named_maps, pack_channels

_ORM = np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8)


def test_unitys_mask_map_is_metallic_occlusion_detail_smoothness() -> None:
    packed = pack_channels(named_maps(Material(orm=_ORM)), UNITY_MASK_MAP)
    assert packed.tolist() == [[[30, 10, 255, 235], [60, 40, 255, 205]]]


def test_ready_recipes() -> None:
    maps = named_maps(Material(orm=_ORM))
    assert np.array_equal(pack_channels(maps, ORM), _ORM)
    assert pack_channels(maps, METALLIC_SMOOTHNESS)[0, 0].tolist() == [30, 30, 30, 235]


@pytest.mark.parametrize(
    "recipe",
    ["R=orm.b G=orm.r B=1 A=1-orm.g", "a = 1 - orm.G, b=1.0, g=orm.R, r=orm.B", "R=orm.b,G=orm.r,B=1,A=1-orm.g"],
)
def test_order_case_and_separators_do_not_matter(recipe: str) -> None:
    assert pack_channels({"orm": _ORM}, recipe)[0].tolist() == [[30, 10, 255, 235], [60, 40, 255, 205]]


def test_inverting_twice_gives_every_value_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    once = pack_channels({"ramp": every}, "R=1-ramp")
    assert np.array_equal(pack_channels({"ramp": once}, "R=1-ramp")[..., 0], every)
    assert np.array_equal(once[..., 0], 255 - every)


def test_constants_alone_make_one_pixel() -> None:
    assert pack_channels({}, "R=0 G=0.5 B=1").tolist() == [[[0, 128, 255]]]


def test_smaller_maps_are_enlarged_about_texel_centres() -> None:
    maps = {"large": np.zeros((4, 8), np.uint8), "small": np.array([[0, 200]], np.uint8)}
    packed = pack_channels(maps, "R=large G=small B=small")
    assert packed.shape == (4, 8, 3)
    assert packed[0, :, 1].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]


def test_16_bits_become_8_and_every_level_stays() -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(1, 256) * 257
    assert pack_channels({"deep": levels}, "R=deep")[0, :, 0].tolist() == list(range(256))


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("", "say R="),
        ("R=orm.r G=orm.g", "say R="),
        ("R=orm.r R=orm.g", "say R="),
        ("T=1 R=1", "say R="),
        ("R=2", "no source"),
        ("R=-1", "no source"),
        ("R=", "no source"),
        ("R=nan", "'nan'"),
        ("R=2-orm.g", "no source"),
        ("R=orm.x", "no source"),
        ("R=orm.g*2", "no source"),
        ("R=orn.r", "did you mean 'orm'"),
        ("R=orm", "say which, such as orm.r"),
        ("R=orm.a", "no channel a, only rgb"),
        ("R=gray.g", "no channel g, only r"),
    ],
)
def test_what_does_not_read_is_refused_with_the_cure(recipe: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        pack_channels({"orm": _ORM, "gray": _ORM[..., 0]}, recipe)


def test_a_material_without_maps_is_its_factors() -> None:
    material = Material(roughness_factor=0.8, metallic_factor=0.0, base_color_factor=(1.0, 0.0, 0.0, 0.5), emissive_factor=(0.0, 4.0, 0.0))
    maps = named_maps(material)
    assert pack_channels(maps, ORM).tolist() == [[[255, 204, 0]]]
    assert maps["base_color"].tolist() == [[[255, 0, 0, 128]]]
    assert maps["normal"].tolist() == [[[128, 128, 255]]]
    assert maps["emissive"].tolist() == [[[0, 255, 0]]]


def test_factors_multiply_colours_in_linear_light() -> None:
    half = named_maps(Material(base_color=np.full((1, 1, 4), 255, np.uint8), base_color_factor=(0.5, 0.5, 0.5, 1.0)))
    assert half["base_color"].tolist() == [[[188, 188, 188, 255]]]


def test_extras_are_maps_too_but_never_stand_for_the_materials_own() -> None:
    extras = {"curvature": np.full((1, 2), 7, np.uint8), "orm": np.zeros((1, 2), np.uint8)}
    assert pack_channels(named_maps(Material(orm=_ORM, extras=extras)), "R=curvature G=orm.g B=0")[0, 0].tolist() == [7, 20, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_flipping_green_negates_the_component_exactly_and_undoes_itself(dtype: type[np.unsignedinteger]) -> None:
    top = int(np.iinfo(dtype).max)
    normal = np.zeros((1, 256, 3), dtype) + np.linspace(0, top, 256).round().astype(dtype)[:, None]
    flipped = flip_green(normal)
    assert np.array_equal(flip_green(flipped), normal)
    assert np.array_equal(flipped[..., [0, 2]], normal[..., [0, 2]])
    assert np.array_equal(flipped[..., 1].astype(int) * 2 - top, top - normal[..., 1].astype(int) * 2)
