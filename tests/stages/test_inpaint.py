"""A ball whose back nobody has seen is painted from its front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Material
from kiln.errors import Cancelled, RecipeError
from kiln.render.atlas import Atlas, lay_out
from kiln.stages.bake import bake
from kiln.stages.inpaint import inpaint
from kiln.stages.stage import Context
from kiln.stages.unwrap import unwrap
from shapes import cube, sphere

SIZE = 256


@pytest.fixture(scope="module")
def bare() -> tuple[Asset, Atlas, np.ndarray]:
    """A ball with an atlas, and each texel's position."""
    asset = unwrap(Asset(name="ball", source=sphere(), mesh=sphere(16, 32)), size=SIZE, padding=4)
    atlas = lay_out(asset.mesh, size=SIZE)
    return asset, atlas, atlas.places.take(asset.mesh, asset.mesh.positions)


def painted(bare: tuple[Asset, Atlas, np.ndarray], color: np.ndarray, guessed: np.ndarray, **maps: np.ndarray) -> Asset:
    asset, atlas, _ = bare
    rgba = np.column_stack([color, np.full(len(color), 255)]).astype(np.uint8)
    material = Material(base_color=atlas.spread(rgba), guessed=atlas.spread(np.where(guessed, 255, 0).astype(np.uint8)), **maps)
    pictured = replace(asset.source, seen=(asset.source.positions[:, 2] > 0).astype(np.float32))
    return replace(asset, source=pictured, material=material)


def shades(points: np.ndarray) -> np.ndarray:
    """A smooth colour that depends on height only."""
    return 128 + 60 * np.stack([points[:, 1], -points[:, 1], 0 * points[:, 1]], axis=1)


def test_a_smooth_colour_is_found_again_without_seams(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, points = bare
    guessed = (points[:, 2] < 0) & (np.abs(points[:, 0]) < 0.3) & (np.abs(points[:, 1]) < 0.8)
    asset = painted(bare, np.where(guessed[:, None], 0, shades(points)), guessed)
    context = Context()
    done = inpaint(asset, context=context, inpaint="diffuse").material
    result = atlas.read(done.base_color)[:, :3].astype(int)
    assert np.abs(result - shades(points))[guessed].mean() < 6
    assert np.array_equal(result[~guessed], atlas.read(asset.material.base_color)[~guessed, :3])
    assert context.measures["inpainted"] == pytest.approx(guessed.mean())
    assert context.measures["seam_delta"] < context.measures["seam_delta_before"]
    assert done.guessed is asset.material.guessed


def test_texture_goes_on_over_the_back(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, points = bare
    guessed = points[:, 2] < -0.2
    grain = np.random.default_rng(0).normal(0, 25, (len(points), 1))
    asset = painted(bare, 128 + np.where(guessed[:, None], 0, grain) + np.zeros((1, 3)), guessed)
    for method in ("patch", "auto"):
        done = inpaint(asset, inpaint=method, texture=1.0).material
        deep = points[:, 2] < -0.5
        assert atlas.read(done.base_color)[deep, 0].std() > 4
        assert inpaint(asset, inpaint="diffuse").material.base_color[..., 0].std() > 0
    assert atlas.read(inpaint(asset, inpaint="diffuse").material.base_color)[points[:, 2] < -0.5, 0].std() < 8


def test_a_guess_with_the_texture_of_what_is_seen_is_left_alone(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, _, points = bare
    grain = np.random.default_rng(0).normal(0, 25, (len(points), 1))
    asset, context = painted(bare, 128 + grain + np.zeros((1, 3)), points[:, 2] < 0), Context()
    assert inpaint(asset, context=context) is asset
    assert context.measures["inpainted"] == 0
    assert "no guess is a blur" in context.notes[0]


def test_roughness_and_metal_are_carried_on_and_occlusion_stays(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    _, atlas, points = bare
    guessed = points[:, 2] < 0
    orm = atlas.spread(np.where(guessed[:, None], (90, 0, 255), (200, 100, 30)).astype(np.uint8))
    done = inpaint(painted(bare, shades(points), guessed, orm=orm), inpaint="diffuse").material
    assert np.unique(atlas.read(done.orm)[guessed], axis=0).tolist() == [[90, 100, 30]]


def test_the_same_asset_gives_the_same_bytes(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    points = bare[2]
    asset = painted(bare, shades(points) + 20 * np.sin(40 * points[:, :1]), points[:, 2] < 0)
    first, second = (inpaint(asset, inpaint="patch").material.base_color for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("guessed", [True, False])
def test_all_or_nothing_guessed_changes_nothing(bare: tuple[Asset, Atlas, np.ndarray], guessed: bool) -> None:
    points = bare[2]
    asset = painted(bare, shades(points), np.full(len(points), guessed))
    assert inpaint(asset, inpaint="patch") is asset


def test_nothing_is_done_where_nothing_was_guessed_or_asked_for(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    points = bare[2]
    asset = painted(bare, shades(points), points[:, 2] < 0)
    assert inpaint(asset, inpaint="off") is asset
    seen = replace(asset, material=replace(asset.material, guessed=None))
    assert inpaint(seen, inpaint="patch") is seen


def test_where_the_source_has_a_hole_nothing_is_smeared_over_it(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    asset, atlas, points = bare
    ball = sphere(32, 64)
    colors = np.full((ball.vertex_count, 4), 255, np.uint8)
    colors[:, :3] = shades(ball.positions) + 40 * (ball.positions[:, :1] > 0)
    whole = ball.positions[ball.triangles][:, :, 2].mean(axis=1) > -0.6
    source = replace(ball, colors=colors, triangles=ball.triangles[whole])
    context = Context()
    baked = bake(replace(asset, source=source), ao=False)
    done = inpaint(baked, context=context).material
    gap = atlas.read(baked.material.guessed) > 0
    assert np.array_equal(gap, gap & (points[:, 2] < -0.5))
    assert gap[points[:, 2] < -0.75].all()
    assert (atlas.read(baked.material.normal)[gap] == (128, 128, 255)).all(axis=1).mean() > 0.2
    assert "diffuse" in context.notes[0]
    assert context.measures["seam_delta"] < 0.5 * context.measures["seam_delta_before"]
    result = atlas.read(done.base_color)[:, :3].astype(int)
    assert np.array_equal(result[~gap], atlas.read(baked.material.base_color)[~gap, :3])

    def steps(color: np.ndarray) -> float:
        first, second = atlas.graph.pairs[gap[atlas.graph.pairs].all(axis=1)].T
        return float(np.abs(color[first] - color[second]).max())

    assert steps(result) < 12 < 30 < steps(atlas.read(baked.material.base_color)[:, :3].astype(int)), "no streaks"


def test_a_source_without_holes_has_nothing_guessed(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    baked = bake(bare[0], ao=False)
    assert baked.material.guessed is None
    assert inpaint(baked) is baked


@pytest.mark.parametrize("method", ["auto", "diffuse", "patch"])
def test_it_stops_when_it_is_told_to(bare: tuple[Asset, Atlas, np.ndarray], method: str) -> None:
    points = bare[2]
    guessed = points[:, 2] < -0.2
    grain = np.random.default_rng(0).normal(0, 25, (len(points), 1))
    asset, told = painted(bare, 128 + np.where(guessed[:, None], 0, grain) + np.zeros((1, 3)), guessed), []
    inpaint(asset, context=Context(on_progress=lambda share, words: told.append(share)), inpaint=method)
    assert told == sorted(told)
    assert len(told) > 1
    for calls in range(len(told)):
        left = iter(range(calls))
        with pytest.raises(Cancelled):
            inpaint(asset, context=Context(is_stopped=lambda left=left: next(left, None) is None), inpaint=method)


def test_a_mesh_without_an_atlas_is_refused(bare: tuple[Asset, Atlas, np.ndarray]) -> None:
    points = bare[2]
    asset = painted(bare, shades(points), points[:, 2] < 0)
    with pytest.raises(RecipeError, match="unwrap"):
        inpaint(replace(asset, mesh=cube()), inpaint="diffuse")
