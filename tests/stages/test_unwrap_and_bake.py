"""The two stages as a recipe runs them, on a ball that is small enough to know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Material, Mesh
from kiln.errors import PostconditionError, RecipeError
from kiln.geometry.rasterize import rasterize_uvs
from kiln.stages.bake import bake
from kiln.stages.stage import Context
from kiln.stages.unwrap import unwrap
from shapes import sphere


def source() -> Mesh:
    ball = sphere(32, 64)
    colors = np.full((ball.vertex_count, 4), 255, np.uint8)
    colors[:, :3] = np.round(127.5 + 127.5 * ball.positions)
    return replace(ball, colors=colors, seen=(ball.positions[:, 2] > 0).astype(np.float32))


def asset(**fields: object) -> Asset:
    steel = Material(roughness_factor=0.4, metallic_factor=1.0)
    return Asset(**{"name": "ball", "source": source(), "source_materials": (steel,), "mesh": sphere(12, 24)} | fields)


@pytest.fixture(scope="module")
def baked() -> Asset:
    return bake(unwrap(asset(), size=256, padding=4))


def covered(thing: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Mask of covered texels, and the position of each."""
    fragments = rasterize_uvs(thing.mesh, width=256, height=256)
    mask = fragments.triangle >= 0
    corners = thing.mesh.positions[thing.mesh.triangles[fragments.triangle[mask]]]
    v, w = fragments.bary[mask].T
    return mask, np.einsum("nk,nkc->nc", np.stack([1 - v - w, v, w], axis=1), corners)


def test_every_map_is_there_and_full(baked: Asset) -> None:
    material = baked.material
    assert material.base_color.shape == (256, 256, 4)
    assert (material.base_color[..., 3] == 255).all()
    assert material.normal.shape == material.orm.shape == (256, 256, 3)
    assert material.emissive is None
    assert (material.base_color[..., :3].max(axis=-1) > 50).all(), "no texel is left black between the islands"


def test_colours_lie_where_the_source_has_them(baked: Asset) -> None:
    mask, positions = covered(baked)
    direction = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    wanted = 127.5 + 127.5 * direction
    assert abs(baked.material.base_color[mask][:, :3] - wanted).mean() < 2


def test_factors_become_the_orm_map_and_a_ball_is_open(baked: Asset) -> None:
    mask, _ = covered(baked)
    occlusion, roughness, metallic = baked.material.orm[mask].T
    assert occlusion.min() > 245
    assert (roughness == 102).all()
    assert (metallic == 255).all()


def test_the_guessed_mask_marks_what_no_picture_shows(baked: Asset) -> None:
    mask, positions = covered(baked)
    guessed = baked.material.guessed[mask]
    assert (guessed[positions[:, 2] > 0.15] == 0).all()
    assert (guessed[positions[:, 2] < -0.15] == 255).all()


def test_the_same_asset_bakes_to_the_same_bytes(baked: Asset) -> None:
    again = bake(unwrap(asset(), size=256, padding=4))
    for name in ("base_color", "normal", "orm", "guessed"):
        assert np.array_equal(getattr(again.material, name), getattr(baked.material, name))


def test_measures_are_told() -> None:
    context = Context()
    bake(unwrap(asset(), params=None, context=context, size=256, padding=4), context=context, ao=False)
    assert context.measures["ray_misses"] == 0
    assert context.measures["utilization"] > 0.5
    assert {"charts", "texel_density_cv", "cage_metres", "texels_left_out"} <= context.measures.keys()


def test_what_glows_is_baked_and_what_is_cut_out_stays_so() -> None:
    lamp = Material(emissive_factor=(1.0, 0.0, 0.0), alpha_mode="MASK", base_color_factor=(1.0, 1.0, 1.0, 0.5), double_sided=True)
    material = bake(unwrap(asset(source_materials=(lamp,)), size=256, padding=4), ao=False).material
    assert (material.emissive == (255, 0, 0)).all()
    assert material.emissive_factor == (1.0, 1.0, 1.0)
    assert material.alpha_mode == "MASK"
    assert material.double_sided
    assert (abs(material.base_color[..., 3].astype(int) - 128) <= 1).all()


def test_a_source_that_lies_elsewhere_is_refused() -> None:
    far = asset(source=source().moved(offset=np.array([50, 0, 0], np.float32)))
    with pytest.raises(PostconditionError, match="does not lie where its source is"):
        bake(unwrap(far, size=256, padding=4))


def test_stages_out_of_order_are_refused() -> None:
    with pytest.raises(RecipeError, match="simplify before unwrap"):
        unwrap(asset(mesh=None))
    with pytest.raises(RecipeError, match="unwrap before bake"):
        bake(asset())
