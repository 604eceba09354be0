from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Asset, Mesh
from kiln.errors import ModelError, RecipeError
from kiln.stages import Context, find
from shapes import cube, mesh, sphere

repair, simplify, collide, place = (find(name) for name in ("repair", "simplify", "collide", "place"))


def asset_of(solid: Mesh, **fields: object) -> Asset:
    return Asset(name="thing", source=solid, **fields)


def test_repair_says_what_changed():
    context = Context()
    solid = sphere()
    broken = replace(solid, triangles=solid.triangles[5:])
    made = repair(asset_of(broken), context=context)
    assert any("holes filled" in note for note in context.notes)
    assert any("open edges" in note and "-> 0" in note for note in context.notes)
    assert made.source.triangle_count == solid.triangle_count and context.measures["open_edges"] == 0


def test_repair_leaves_a_sound_source_alone():
    asset = asset_of(cube())
    assert repair(asset).source is asset.source


def test_repair_refuses_a_mesh_without_surface():
    with pytest.raises(ModelError, match="no surface"):
        repair(asset_of(mesh([(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(0, 1, 2), (0, 0, 1), (0, 2, 1)])))


def test_simplify_notes_what_it_did_and_what_it_did_not():
    context = Context()
    made = simplify(asset_of(sphere()), context=context, triangles=300)
    assert 294 <= made.mesh.triangle_count <= 300
    assert context.notes[0].startswith("960 -> ") and context.measures["triangles"] == made.mesh.triangle_count
    context = Context()
    simplify(asset_of(sphere()), context=context)
    assert context.notes == ["960 triangles are within the budget of 8,000: nothing to reduce"]


def test_simplify_keeps_the_largest_parts_when_there_are_too_many():
    context = Context()
    dust = [cube(0.1).moved(offset=np.array([x, 0, 0], np.float32)) for x in range(20)]
    offsets = 8 * np.arange(20, dtype=np.uint32)
    many = mesh(np.concatenate([d.positions for d in dust]), np.concatenate([d.triangles + o for d, o in zip(dust, offsets, strict=True)]))
    made = simplify(asset_of(many), context=context, triangles=50)
    assert made.mesh.triangle_count == 48 and context.notes[1].startswith("8 of the smallest separate parts were left out")


def test_collide_covers_the_mesh_and_notes_the_volume():
    context = Context()
    made = collide(asset_of(cube(), mesh=cube()), context=context)
    assert len(made.hulls) == 1 and context.measures["hull_volume_error"] == pytest.approx(0, abs=1e-4)
    with pytest.raises(RecipeError, match="simplify before collide"):
        collide(asset_of(cube()))


def test_collide_finds_the_primitives_that_are_as_good():
    made = collide(asset_of(cube(), mesh=cube()))
    assert [fit.kind for fit in made.fits] == ["box"] and np.allclose(made.fits[0].size, 1, atol=1e-5)
    assert collide(asset_of(cube(), mesh=cube()), shape="hulls").fits == ()
    forced = collide(asset_of(cube(), mesh=cube()), shape="sphere", triangles_share=1.0)
    assert forced.fits[0].kind == "sphere" and len(forced.hulls) == 1 and forced.hulls[0].triangle_count <= 12


def test_place_moves_everything_alike():
    context = Context()
    solid = cube()
    asset = asset_of(solid, mesh=solid, lods=(solid,), hulls=(solid,))
    made = place(asset, context=context, height=2.0)
    for moved in (made.source, made.mesh, *made.lods, *made.hulls):
        assert moved.bounds[0].tolist() == [-1, 0, -1] and moved.bounds[1].tolist() == [1, 2, 1]
    assert context.measures == {"height": 2, "scale": 2, "ground_contact": pytest.approx(1)}


def test_place_turns_to_the_front_and_knows_kinds():
    wedge = replace(cube(), positions=cube().positions * np.array((1, 1, 3), np.float32) + np.array((0, 0, 5), np.float32))
    made = place(asset_of(wedge, mesh=wedge), kind="sword", front="-z")
    assert np.allclose(np.ptp(made.mesh.positions, axis=0), (1 / 3, 1 / 3, 1))
    assert np.allclose(made.mesh.positions[0], (1 / 6, 0, 0.5)) and made.mesh.positions[0].tolist() == made.source.positions[0].tolist()
    assert place(asset_of(wedge), kind="human", height=2.5).source.bounds[1][1] == 2.5
    with pytest.raises(ValueError, match="one axis"):
        place(asset_of(wedge), top="+z")


def test_place_reports_texels_per_metre():
    square = mesh([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)], [(0, 1, 2), (0, 2, 3)])
    square = replace(square, uvs=np.array([(0, 1), (0.5, 1), (0.5, 0.5), (0, 0.5)], np.float32))
    context = Context()
    place(replace(asset_of(square, mesh=square), atlas_size=1024), context=context, height=1.0)
    assert context.measures["texels_per_metre"] == pytest.approx(512)


def test_a_pile_of_loose_triangles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["kiln.stages.repair"], "MOST_PARTS", 1)
    loose = mesh(np.eye(3).repeat(2, axis=0) + np.tile([[0.0], [5.0]], (3, 1)), [(0, 2, 4), (1, 3, 5)])
    with pytest.raises(ModelError, match="2 loose pieces"):
        find("repair")(Asset(name="loose", source=loose))
