"""A ball with a lamp's light painted on it loses the light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Material
from kiln.errors import RecipeError
from kiln.imaging.color import linear_to_srgb, srgb_to_linear
from kiln.render.atlas import Atlas, lay_out
from kiln.stages.delight import delight
from kiln.stages.stage import Context
from kiln.stages.unwrap import unwrap
from shapes import sphere

SIZE = 256


@pytest.fixture(scope="module")
def ball() -> tuple[Asset, Atlas, np.ndarray]:
    """A ball with an atlas, and the light on each texel."""
    asset = unwrap(Asset(name="ball", source=sphere(), mesh=sphere(32, 64)), size=SIZE, padding=4)
    atlas = lay_out(asset.mesh, size=SIZE)
    normals = atlas.places.take(asset.mesh, asset.mesh.positions)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return asset, atlas, (0.25 + 0.9 * np.maximum(normals @ np.float32((0.4, 0.8, 0.45)), 0)).astype(np.float32)


def painted(ball: tuple[Asset, Atlas, np.ndarray], linear: np.ndarray, **maps: object) -> Asset:
    asset, atlas, _ = ball
    rgba = np.column_stack([linear_to_srgb(linear.astype(np.float32)), np.full(len(linear), 255, np.uint8)])
    return replace(asset, material=Material(base_color=atlas.spread(rgba), **{"metallic_factor": 0.0} | maps))


def test_the_shading_goes_and_the_report_says_so(ball: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, light = ball
    asset, context = painted(ball, 0.4 * light[:, None].repeat(3, axis=1)), Context()
    done = delight(asset, context=context, delight=1.0).material
    before, after = (np.log(srgb_to_linear(atlas.read(m.base_color)[:, 1])).var() for m in (asset.material, done))
    assert after < 0.2 * before
    assert context.measures["baked_light_before"] > 0.4
    assert context.measures["baked_light_after"] < 0.02
    assert "baked light removed" in context.notes[0]


def test_the_light_that_was_taken_can_be_put_back(ball: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, light = ball
    asset = painted(ball, 0.3 * light[:, None].repeat(3, axis=1))
    done = delight(asset, delight=0.5).material
    taken = done.extras["baked_light"]
    assert taken.shape == (SIZE, SIZE)
    ratio = srgb_to_linear(atlas.read(asset.material.base_color)[:, 0]) / srgb_to_linear(atlas.read(done.base_color)[:, 0])
    lit = atlas.read(taken) / 8192
    assert np.corrcoef(ratio, lit)[0, 1] > 0.98


def test_paint_without_light_is_left_as_it_is(ball: tuple[Asset, Atlas, np.ndarray]) -> None:
    checks = ((ball[1].graph.texel // 16 + ball[1].graph.texel % SIZE // 16) % 2)[:, None]
    asset, context = painted(ball, 0.2 + 0.3 * checks.repeat(3, axis=1)), Context()
    assert delight(asset, context=context, delight=1.0) is asset
    assert context.measures["baked_light_before"] == 0


def test_metal_and_glow_keep_their_colour(ball: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, light = ball
    top = atlas.places.take(ball[0].mesh, ball[0].mesh.positions)[:, 1] > 0.5
    orm = atlas.spread(np.column_stack([np.full(len(top), 255), np.full(len(top), 128), np.where(top, 255, 0)]).astype(np.uint8))
    asset = painted(ball, 0.4 * light[:, None].repeat(3, axis=1), orm=orm, metallic_factor=1.0)
    before, after = (atlas.read(m.base_color) for m in (asset.material, delight(asset, delight=1.0).material))
    assert np.array_equal(before[top], after[top])
    assert not np.array_equal(before[~top], after[~top])


def test_nothing_is_done_unless_asked_for_and_maps_are_needed(ball: tuple[Asset, Atlas, np.ndarray]) -> None:
    asset = painted(ball, 0.4 * ball[2][:, None].repeat(3, axis=1))
    assert delight(asset) is asset
    plain = replace(asset, material=Material())
    assert delight(plain, delight=1.0) is plain
    with pytest.raises(RecipeError, match="bake"):
        delight(replace(asset, material=None), delight=1.0)
