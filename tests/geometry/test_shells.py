from __future__ import annotations

import numpy as np

from kiln.geometry.shells import drop_hidden_faces, drop_hidden_shells, spread_directions
from shapes import cube, mesh, sphere
from torture import crossing, inside_out, nested_shells, shifted, together


def bottle():
    """A closed wall of some thickness around a room that a narrow neck leads into."""
    outer, inner = sphere(24, 48), sphere(24, 48, radius=0.9)
    ring = outer.positions[outer.triangles].mean(axis=1)[:, 1] < 0.985
    inner_ring = inner.positions[inner.triangles].mean(axis=1)[:, 1] < 0.985 * 0.9
    walls = together(outer.take_triangles(ring), inside_out(inner.take_triangles(inner_ring)))
    upper = np.flatnonzero(np.isclose(np.linalg.norm(walls.positions, axis=1), 1) & (walls.positions[:, 1] > 0.98))
    lower = np.flatnonzero(np.isclose(np.linalg.norm(walls.positions, axis=1), 0.9) & (walls.positions[:, 1] > 0.98 * 0.9))
    turn = lambda rows: rows[np.argsort(np.arctan2(walls.positions[rows, 0], walls.positions[rows, 2]))]  # noqa: E731
    upper, lower = turn(upper), turn(lower)
    nexts = np.roll(upper, -1), np.roll(lower, -1)
    neck = [*zip(upper, nexts[0], nexts[1], strict=True), *zip(upper, nexts[1], lower, strict=True)]
    return mesh(walls.positions, np.concatenate([walls.triangles, np.array(neck, np.uint32)]))


def test_closed_shells_within_others_go():
    made, dropped = drop_hidden_shells(nested_shells())
    assert dropped == 4 and made.triangle_count == sphere().triangle_count


def test_parts_beside_each_other_stay():
    apart = together(cube(), shifted(cube(), 3, 0, 0))
    assert drop_hidden_shells(apart)[0] is apart


def test_a_ball_in_a_bottle_stays_and_so_does_the_bottles_inside():
    scene = together(bottle(), sphere(8, 12, radius=0.2))
    assert drop_hidden_shells(scene)[0] is scene
    assert drop_hidden_faces(bottle())[1] == 0


def test_of_balls_that_cross_only_the_outside_stays():
    scene = crossing()
    made, dropped = drop_hidden_faces(scene)
    middles = scene.positions[scene.triangles].mean(axis=1)
    buried = np.minimum(np.linalg.norm(middles, axis=1), np.linalg.norm(middles - np.array([0.7, 0.1, 0]), axis=1)) < 0.97
    assert abs(dropped - buried.sum()) < 0.1 * buried.sum() and made.triangle_count + dropped == scene.triangle_count


def test_directions_are_spread_evenly():
    ways = spread_directions(64)
    assert np.allclose(np.linalg.norm(ways, axis=1), 1) and np.abs(ways.mean(axis=0)).max() < 0.01
