from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import kiln.geometry.repair
from kiln.asset import Mesh, Projection
from kiln.errors import ModelError
from kiln.geometry.areas import volume
from kiln.geometry.deadline import OutOfTime
from kiln.geometry.repair import Limits, Repaired
from kiln.geometry.repair import repair as climb
from kiln.geometry.topology import measure_topology
from shapes import cube, mesh, sphere
from torture import crossing, grid, inside_out, pierced, shifted, together


def repair(solid: Mesh, **limits: object) -> Repaired:
    return climb(solid, Limits(**limits))


def test_a_sound_mesh_is_left_alone():
    solid = cube()
    made = repair(solid)
    assert made.mesh is solid and made.notes == ("nothing to repair in 1 part",)


def test_a_seam_stays_a_seam():
    solid = cube()
    uvs = np.random.default_rng(0).random((36, 2)).astype(np.float32)
    cut = mesh(solid.positions[solid.triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3), uvs=uvs)
    assert repair(cut).mesh is cut


@pytest.mark.parametrize("wrong", [slice(None), slice(None, None, 3), slice(0, 1)])
def test_triangles_are_turned_outward(wrong):
    solid = sphere()
    triangles = solid.triangles.copy()
    triangles[wrong] = triangles[wrong][:, ::-1]
    made = repair(replace(solid, triangles=triangles))
    assert made.after.is_sound and volume(made.mesh) == pytest.approx(volume(solid))


def test_a_cavity_keeps_its_winding_and_a_separate_shell_does_not():
    cavity = together(sphere(), inside_out(sphere(radius=0.5)))
    assert repair(cavity, hidden="off").mesh is cavity
    apart = repair(together(sphere(), inside_out(shifted(sphere(radius=0.5), 3, 0, 0))))
    assert volume(apart.mesh) == pytest.approx(1.125 * volume(sphere()), rel=1e-5)


def test_cracks_are_welded():
    solid = sphere()
    noise = np.random.default_rng(1).normal(scale=3e-6, size=(solid.triangles.size, 3))
    soup = mesh(solid.positions[solid.triangles].reshape(-1, 3) + noise, np.arange(solid.triangles.size).reshape(-1, 3))
    made = repair(soup)
    assert made.after.is_sound and made.after.components == 1 and made.after.euler == 2


def test_degenerate_and_duplicate_triangles_go():
    solid = cube()
    extra = [(0, 0, 1), solid.triangles[0], solid.triangles[3][::-1]]
    made = repair(replace(solid, triangles=np.concatenate([solid.triangles, np.array(extra, np.uint32)])))
    assert made.after == measure_topology(solid)


def test_a_triangle_without_area_is_collapsed_not_torn_out():
    solid = cube()
    corner, far = solid.positions[solid.triangles[0, 0]], solid.positions[solid.triangles[0, 1]]
    positions = np.concatenate([solid.positions, [(corner + far) / 2]]).astype(np.float32)
    a, b, c = solid.triangles[0]
    triangles = np.concatenate([solid.triangles[1:], np.array([(a, 8, c), (8, b, c), (a, b, 8)], np.uint32)])
    made = repair(mesh(positions, triangles))
    assert made.before.degenerate_triangles == 1
    assert made.after.is_sound and made.after.triangles == 12 and volume(made.mesh) == pytest.approx(1)


@pytest.mark.parametrize("offset", [(1, 1, 0), (1, 1, 1)])
def test_solids_that_touch_come_apart(offset):
    made = repair(together(cube(), shifted(cube(), *offset)))
    assert made.after.is_sound and volume(made.mesh) == pytest.approx(2, rel=1e-3)
    assert made.after.components == (2 if offset[2] == 0 else 1)


def test_a_fin_is_taken_off():
    fin = together(cube(), mesh([(-0.5, -0.5, -0.5), (-0.5, -0.5, 0.5), (-0.6, -0.6, 0)], [(0, 1, 2)]))
    made = repair(fin, floaters=0.0)
    assert made.before.non_manifold_edges == 1 and made.after.is_manifold
    assert measure_topology(repair(fin, floaters=0.9).mesh).is_sound


def test_specks_are_dropped_unless_the_mesh_is_made_of_them():
    speck = shifted(sphere(6, 8, radius=0.004), 2, 0, 0)
    made = repair(together(sphere(), speck))
    assert made.after.components == 1 and "1 floating specks dropped" in made.notes
    dust = together(*(shifted(cube(0.001), x, y, 0) for x in range(4) for y in range(4)))
    assert repair(dust).mesh is dust


def test_small_holes_are_filled_and_rims_of_sheets_are_not():
    pierced = sphere().take_triangles(np.arange(960) % 97 != 5)
    made = repair(pierced)
    assert made.after.is_sound and made.after.euler == 2 and made.mesh.vertex_count == pierced.vertex_count
    bowl = sphere().take_triangles(sphere().positions[sphere().triangles].mean(axis=1)[:, 1] < 0)
    assert repair(bowl, holes=10.0).mesh is bowl


def test_a_long_hole_gets_a_fan_with_mean_attributes():
    dense = sphere(40, 400)
    lidless = dense.take_triangles(dense.positions[dense.triangles].mean(axis=1)[:, 1] < 0.985)
    count = lidless.vertex_count
    picture = Projection(
        pixels=np.zeros((2, 2, 4), np.uint8), uvs=np.full((count, 2), 0.25, np.float32), weights=np.ones(count, np.float32)
    )
    attributes = {"colors": np.full((count, 4), 200, np.uint8), "seen": np.ones(count, np.float32), "projections": (picture,)}
    made = repair(replace(lidless, **attributes))
    assert made.after.is_sound and made.mesh.vertex_count > count + 1000
    assert (made.mesh.colors[count:] == 200).all() and (made.mesh.seen[count:] == 0).all()
    assert (made.mesh.projections[0].uvs[count:] == 0.25).all()


def test_material_ids_follow_their_triangles():
    solid = cube()
    ids = np.arange(12, dtype=np.uint32)
    pierced = replace(solid, material_ids=ids).take_triangles(ids != 4)
    made = repair(pierced, holes=10.0)
    assert made.after.is_sound and made.mesh.material_ids[:11].tolist() == [0, 1, 2, 3, *range(5, 12)] and len(made.mesh.material_ids) == 12


def test_a_rung_that_takes_too_long_is_given_up_and_what_came_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(mesh: Mesh, *, voxels: int, keep_going: Callable[[], None]) -> Mesh:
        raise OutOfTime

    monkeypatch.setattr(kiln.geometry.repair, "rebuild", slow)
    made = repair(crossing(8), seconds=60.0)
    assert made.notes[-1] == "out of time after 60 s: left out rebuild" and made.after.is_sound
    assert volume(made.mesh) == pytest.approx(volume(crossing(8)), rel=1e-3)


def test_a_sheet_that_a_rebuild_cannot_see_is_kept_beside_it() -> None:
    ball, sheet = pierced(0.3), shifted(grid(8, 8), 1.2, -0.5, 0)
    made = repair(together(ball, sheet), voxels=48, rebuild="always")
    right = made.mesh.positions[made.mesh.triangles].mean(axis=1)[:, 0] > 1.2
    assert made.after.is_manifold and right.sum() == sheet.triangle_count


def test_a_sheet_that_stands_on_a_solid_is_kept_beside_what_is_rebuilt() -> None:
    sheet = pierced(0.2, shifted(grid(16, 16), 0.9, -0.5, 0))
    made = repair(together(pierced(0.3), sheet), voxels=48)
    assert "rebuild" in made.rungs and made.after.is_manifold and made.after.inconsistent_edges == 0
    assert made.mesh.bounds[1][0] == pytest.approx(1.9)


@pytest.mark.long
def test_a_million_pieces_are_refused_in_seconds() -> None:
    corners = np.random.default_rng(2).random((1_000_000, 1, 3)) + np.random.default_rng(3).random((1_000_000, 3, 3)) * 1e-3
    started = time.process_time()
    with pytest.raises(ModelError, match="loose pieces"):
        repair(mesh(corners.reshape(-1, 3), np.arange(3_000_000).reshape(-1, 3)), parts=100_000)
    assert time.process_time() - started < 15
