from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kiln.geometry.rebuild
from kiln.asset import Projection
from kiln.geometry.areas import volume
from kiln.geometry.distance import distance_to
from kiln.geometry.rebuild import measure_sides, rebuild
from kiln.geometry.topology import measure_topology
from kiln.geometry.triangle_tree import TriangleTree
from kiln.geometry.verdict import judge
from shapes import sphere
from torture import bowl, colored, crossing, grid, leaves, nested_shells, pierced, together


@pytest.mark.parametrize("voxels", [24, 48])
def test_a_rebuilt_ball_is_a_ball(voxels: int) -> None:
    made = rebuild(pierced(0.2), voxels=voxels)
    assert measure_topology(made).is_sound
    assert volume(made) == pytest.approx(volume(sphere(32, 64)), rel=0.03)
    assert np.quantile(distance_to(sphere(32, 64), made.positions.astype(np.float64)), 0.95) < 0.1 * 2 / voxels


def test_what_crosses_becomes_one_and_what_is_inside_goes() -> None:
    one = rebuild(crossing(), voxels=32)
    assert measure_topology(one).components == 1 and volume(one) < 2 * volume(sphere(24, 48))
    shells = rebuild(together(sphere(), sphere(radius=0.5)), voxels=32)
    assert volume(shells) == pytest.approx(volume(sphere()), rel=0.02)


def test_everything_that_vertices_carry_comes_along() -> None:
    ball = colored(sphere(24, 48))
    count = ball.vertex_count
    picture = Projection(pixels=np.zeros((2, 2, 4), np.uint8), uvs=ball.positions[:, :2].copy(), weights=np.ones(count, np.float32))
    extras = {"seen": np.full(count, 0.5, np.float32), "importance": np.full(count, 2, np.float32), "projections": (picture,)}
    ids = (ball.positions[ball.triangles].mean(axis=1)[:, 0] > 0).astype(np.uint32)
    made = rebuild(replace(ball, material_ids=ids, **extras), voxels=32)
    assert np.abs(made.colors[:, :3].astype(float) - 255 * (made.positions + 1) / 2).max() < 6
    assert np.allclose(made.seen, 0.5) and np.allclose(made.importance, 2) and np.allclose(made.projections[0].weights, 1)
    assert np.abs(made.projections[0].uvs - made.positions[:, :2]).max() < 0.03
    sides = made.positions[made.triangles].mean(axis=1)[:, 0]
    assert (made.material_ids[np.abs(sides) > 0.1] == (sides > 0)[np.abs(sides) > 0.1]).all()


def test_a_sheet_has_no_inside() -> None:
    sheet = grid(4, 4)
    assert measure_sides(sheet, TriangleTree(sheet)).solid == 0 and measure_sides(sheet, TriangleTree(sheet)).level == 0


def test_a_heap_of_crossing_triangles_is_looked_at_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiln.geometry.rebuild, "_MOST_CELLS", 2_000)
    corners = np.random.default_rng(0).normal(size=(300, 3))
    heap = replace(sphere(), positions=corners.astype(np.float32), triangles=np.arange(300, dtype=np.uint32).reshape(-1, 3))
    assert rebuild(heap, voxels=256).triangle_count < 10_000


def test_only_ruins_are_rebuilt() -> None:
    for fine in (sphere(), bowl(), grid(4, 4), leaves(), crossing(), pierced(0.002)):
        assert judge(fine).reason == ""
    assert "times as long" in judge(pierced(0.3)).reason and judge(pierced(0.3)).broken.all()
    assert "inside the rest" in judge(nested_shells()).reason
    assert judge(sphere(), always=True).broken.all() and judge(grid(4, 4), always=True).reason == ""
