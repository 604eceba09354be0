from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import volume
from kiln.geometry.convex import is_convex
from kiln.geometry.hulls import Budget, convex_hull, decompose
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere, tetrahedron

BUDGET = Budget(hulls=8, vertices=32, triangles=80)


def boxes(*placed: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Mesh:
    """Boxes by centre and size, one mesh."""
    each = [cube().positions * np.array(size, np.float32) + np.array(center, np.float32) for center, size in placed]
    triangles = np.concatenate([cube().triangles + np.uint32(8 * number) for number in range(len(placed))])
    return Mesh(positions=np.concatenate(each), triangles=triangles)


def table() -> Mesh:
    legs = [((x, 0.5, z), (0.2, 1.0, 0.2)) for x in (-0.9, 0.9) for z in (-0.4, 0.4)]
    return boxes(((0, 1.1, 0), (2, 0.2, 1)), *legs)


def ring(radius: float = 1.0, thickness: float = 0.2, around: int = 24, across: int = 8) -> Mesh:
    u, v = (2 * np.pi * np.arange(n) / n for n in (around, across))
    distance = radius + thickness * np.cos(v)
    points = np.stack([np.outer(np.cos(u), distance), np.outer(np.ones(around), thickness * np.sin(v)), np.outer(-np.sin(u), distance)], -1)
    at = lambda i, j: (i % around) * across + j % across  # noqa: E731
    triangles = [
        t
        for i in range(around)
        for j in range(across)
        for t in ((at(i, j), at(i + 1, j), at(i + 1, j + 1)), (at(i, j), at(i + 1, j + 1), at(i, j + 1)))
    ]
    return Mesh(positions=points.reshape(-1, 3).astype(np.float32), triangles=np.array(triangles, np.uint32))


@pytest.mark.parametrize("solid", [tetrahedron(), cube(), sphere()])
def test_a_hull_is_closed_convex_and_nearly_of_the_same_volume(solid):
    hull = convex_hull(solid.positions, vertices=49)
    assert hull.vertex_count <= 49 and measure_topology(hull).is_sound and is_convex(hull)
    assert volume(hull) == pytest.approx(volume(solid), rel=0.1)


@pytest.mark.parametrize("points", [[(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(0, 0, 0), (0, 0, 0)]])
def test_flat_and_straight_things_get_a_little_thickness(points):
    hull = convex_hull(np.array(points, np.float32), vertices=49)
    assert measure_topology(hull).is_sound and is_convex(hull) and volume(hull) > 0
    low, high = hull.bounds
    assert (np.min(points, axis=0) >= low - 0.02).all() and (np.max(points, axis=0) <= high + 0.02).all()


def test_points_on_flat_sides_add_no_vertices():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3), axis=-1).reshape(-1, 3)
    assert convex_hull(grid, vertices=49).vertex_count == 8


def test_a_box_takes_one_hull_and_is_exact():
    made = decompose(cube(), budget=Budget(hulls=8, vertices=32, triangles=12), time_limit_s=20.0)
    assert len(made.hulls) == 1 and made.hulls[0].triangle_count == 12 and not made.fallback
    assert made.errors.volume_error == pytest.approx(0, abs=1e-5) and max(made.errors.outside, made.errors.uncovered) < 1e-5


def test_a_table_keeps_the_room_between_its_legs():
    made = decompose(table(), budget=BUDGET, time_limit_s=20.0)
    assert 5 <= len(made.hulls) <= 6
    assert made.errors.volume_error == pytest.approx(0, abs=0.04) and max(made.errors.outside, made.errors.uncovered) < 0.035


def test_a_ring_keeps_its_hole_within_the_budget():
    made = decompose(ring(), budget=BUDGET, time_limit_s=20.0)
    assert sum(hull.triangle_count for hull in made.hulls) <= 80 and 4 <= len(made.hulls) <= 8
    assert all(measure_topology(hull).is_sound and is_convex(hull) for hull in made.hulls)
    assert made.errors.volume_error is not None and made.errors.volume_error < 0.4
    assert made.errors.outside < 0.05 and made.errors.uncovered < 0.05


def test_an_open_bowl_takes_several_hulls():
    grid = sphere(8, 16)
    bowl = grid.take_triangles(grid.positions[grid.triangles].mean(axis=1)[:, 1] < 0.5)
    made = decompose(bowl, budget=BUDGET, time_limit_s=20.0)
    assert not made.fallback and 1 < len(made.hulls) <= 8 and made.errors.volume_error is None


def test_a_time_limit_gives_what_there_is_and_says_so():
    made = decompose(ring(), budget=BUDGET, time_limit_s=1e-6)
    assert len(made.hulls) == 1 and "time limit" in made.fallback


@pytest.mark.long
def test_coacd_in_its_child_is_as_good():
    made = decompose(ring(), budget=BUDGET, method="coacd", time_limit_s=60.0)
    assert not made.fallback and made.errors.volume_error is not None and made.errors.volume_error < 0.5


def test_hulls_that_cover_leave_nothing_of_the_mesh_out():
    made = decompose(table(), budget=replace(BUDGET, cover=True, triangles=44), time_limit_s=20.0)
    assert made.errors.uncovered < 1e-3 and made.errors.lost == pytest.approx(0, abs=2e-3) and made.errors.outside > 0.01


def test_a_shape_of_many_loops_loses_none_of_its_parts_on_the_way():
    chain = [((x, 2 * y, 0), (0.8, 0.8, 0.2)) for x in range(9) for y in range(6)]
    made = decompose(boxes(((4, -6, 0), (0.2, 10, 0.2)), *chain), budget=BUDGET, time_limit_s=20.0)
    assert made.errors.uncovered < 0.1


def test_a_heap_of_many_pieces_takes_a_few_hulls():
    heap = boxes(*(((x, y, z), (0.4, 0.4, 0.4)) for x in range(5) for y in range(5) for z in range(5)))
    made = decompose(heap, budget=BUDGET, time_limit_s=20.0)
    assert 1 <= len(made.hulls) <= 8 and made.errors.uncovered < 0.1


def test_the_same_mesh_gives_the_same_hulls():
    first, second = (decompose(table(), budget=BUDGET, time_limit_s=60.0).hulls for _ in range(2))
    assert [hull.positions.tobytes() for hull in first] == [hull.positions.tobytes() for hull in second]
