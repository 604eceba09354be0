from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Mesh
from kiln.errors import RecipeError
from kiln.stages import Context, find
from shapes import cube, sphere

lods = find("lods")


def unwrapped(rings: int = 32) -> Mesh:
    """The upper half of a sphere, seen from above."""
    solid = sphere(rings, 2 * rings)
    upper = solid.take_triangles(solid.positions[solid.triangles].mean(axis=1)[:, 1] > 0)
    return replace(upper, uvs=(upper.positions[:, [0, 2]] / 2 + 0.5).astype(np.float32))


def test_levels_halve_the_triangles_and_each_switches_later():
    context = Context()
    solid = unwrapped()
    made = lods(Asset(name="thing", source=solid, mesh=solid), context=context, levels=5)
    assert [lod.triangle_count for lod in made.lods] == [pytest.approx(solid.triangle_count / 2**k, rel=0.05) for k in range(1, 5)]
    heights = [context.measures[f"lod{k}_unity_height"] for k in range(1, 5)]
    assert heights == sorted(heights, reverse=True) and heights[-1] > 0 and heights[0] <= 1
    assert context.measures["lod1_silhouette_iou"] > 0.99
    assert context.notes[0].startswith("LOD1: ") and "of the screen's height" in context.notes[0]


def test_levels_that_would_be_the_same_are_left_out():
    context = Context()
    solid = unwrapped(16)
    made = lods(Asset(name="thing", source=solid, mesh=solid), context=context, levels=8)
    counts = [lod.triangle_count for lod in made.lods]
    assert len(set(counts)) == len(counts) < 7 and counts[-1] >= 18
    assert context.notes[-1].startswith("no LOD of 20 triangles: ")


def test_one_level_is_the_game_mesh_alone():
    solid = unwrapped()
    assert lods(Asset(name="thing", source=solid, mesh=solid), levels=1).lods == ()


def test_uvs_and_falling_ratios_are_needed():
    with pytest.raises(RecipeError, match="unwrap before lods"):
        lods(Asset(name="thing", source=cube(), mesh=cube()))
    solid = unwrapped()
    for ratios in ((0.25, 0.5), (1.0,), (0.5, 0.0)):
        with pytest.raises(RecipeError, match="ratios must fall"):
            lods(Asset(name="thing", source=solid, mesh=solid), ratios=ratios)
