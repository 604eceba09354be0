from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Asset, Mesh
from kiln.stages import Context, find
from shapes import cube, sphere

collide = find("collide")


def asset_of(solid: Mesh) -> Asset:
    return Asset(name="thing", source=solid, mesh=solid)


def cross() -> Mesh:
    arms = [cube().positions * np.array(size, np.float32) for size in ((4, 1, 1), (1, 4, 1.001))]
    return Mesh(positions=np.concatenate(arms), triangles=np.concatenate([cube().triangles, cube().triangles + np.uint32(8)]))


def test_notes_say_what_is_added_and_what_is_lost():
    context = Context()
    collide(asset_of(sphere()), context=context)
    measures = context.measures
    assert measures["hull_volume_error"] == pytest.approx(measures["hull_volume_added"] + measures["hull_volume_lost"])
    assert "added" in context.notes[0] and "lost" in context.notes[0]


def test_notes_name_the_cure_only_where_it_would_help():
    poor, rich, exact = Context(), Context(), Context()
    collide(asset_of(sphere()), context=poor)
    collide(asset_of(sphere()), context=rich, triangles_share=0.5)
    collide(asset_of(cube()), context=exact)
    said = ["--triangles-share 0.03" in " ".join(context.notes) for context in (poor, rich, exact)]
    assert said == [True, False, False]


def test_hulls_that_may_be_simpler_are_counted_in_english():
    one, several = Context(), Context()
    collide(asset_of(cube()), context=one)
    assert one.notes[-1] == "of 1 hull 1 may be a box"
    made = collide(asset_of(cross()), context=several, triangles_share=1.0)
    assert several.notes[-1] == f"of {len(made.hulls)} hulls {len(made.hulls)} may be boxes"


@pytest.mark.parametrize("engine, most", [("any", 32), ("unity", 128)])
def test_no_hull_has_more_vertices_than_the_engine_takes(engine, most):
    made = collide(asset_of(sphere(24, 48)), hulls_for=engine, vertices=128, triangles_share=1.0)
    assert all(hull.vertex_count <= most for hull in made.hulls)


def test_covering_hulls_leave_nothing_out():
    near, around = Context(), Context()
    collide(asset_of(sphere()), context=near, shape="hulls", triangles_share=0.05)
    collide(asset_of(sphere()), context=around, shape="hulls", triangles_share=0.05, cover=True)
    assert around.measures["hull_volume_lost"] < 1e-3 < near.measures["hull_volume_lost"]
    assert around.measures["hull_uncovered"] < 1e-3
