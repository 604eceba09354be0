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


def test_levels_halve_the_triangles_and_each_is_farther_off():
    context = Context()
    solid = unwrapped()
    made = lods(Asset(name="thing", source=solid, mesh=solid), context=context, levels=5)
    assert [lod.triangle_count for lod in made.lods] == [pytest.approx(solid.triangle_count / 2**k, rel=0.05) for k in range(1, 5)]
    away = [context.measures[f"lod{k}_deviation"] for k in range(1, 5)]
    assert away == sorted(away) and away[0] > 0 and away[-1] < 0.05
    assert context.notes[0] == f"LOD1: {made.lods[0].triangle_count:,} triangles, at most {away[0]:.2%} of the size off"


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
