from __future__ import annotations

import numpy as np
import pytest

from kiln.errors import TimeLimitError
from kiln.geometry import hulls
from kiln.geometry.hulls import convex_hull, decompose, is_convex, volume
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere, tetrahedron

LIMITS = {"most": 8, "vertices": 49, "concavity": 0.12, "time_limit_s": 20.0}


@pytest.mark.parametrize("solid", [tetrahedron(), cube(), sphere()])
def test_a_hull_is_closed_convex_and_of_the_same_volume(solid):
    hull = convex_hull(solid.positions, vertices=49)
    assert hull.vertex_count <= 49 and measure_topology(hull).is_sound and is_convex(hull)
    assert volume(hull) == pytest.approx(volume(solid), rel=1e-4)


def test_volume_does_not_depend_on_the_place():
    far = cube(2).moved(offset=np.array([1000, 0, 0], np.float32))
    assert volume(far) == pytest.approx(8) and volume(cube()) == pytest.approx(1)


@pytest.mark.parametrize("points", [[(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(0, 0, 0), (0, 0, 0)]])
def test_flat_and_straight_things_get_a_little_thickness(points):
    hull = convex_hull(np.array(points, np.float32), vertices=49)
    assert measure_topology(hull).is_sound and is_convex(hull) and volume(hull) > 0
    low, high = hull.bounds
    assert (np.min(points, axis=0) >= low - 0.02).all() and (np.max(points, axis=0) <= high + 0.02).all()


def test_points_on_flat_sides_add_no_vertices():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3), axis=-1).reshape(-1, 3)
    assert convex_hull(grid, vertices=49).vertex_count == 8


def test_a_dented_mesh_is_not_convex():
    solid = sphere()
    assert is_convex(solid)
    positions = solid.positions.copy()
    positions[0] = (0, 0.5, 0)
    assert not is_convex(type(solid)(positions=positions, triangles=solid.triangles))


def test_a_convex_mesh_needs_no_decomposition(monkeypatch):
    monkeypatch.setattr(hulls, "run_isolated", lambda *_, **__: pytest.fail("decomposed"))
    assert len(decompose(sphere(), **LIMITS).hulls) == 1


def test_an_open_bowl_takes_several_hulls():
    grid = sphere(16, 32)
    made = decompose(grid.take_triangles(grid.positions[grid.triangles].mean(axis=1)[:, 1] < 0.5), **LIMITS)
    assert not made.fallback and 1 < len(made.hulls) <= 8
    assert all(measure_topology(hull).is_sound for hull in made.hulls)


def test_a_decomposition_that_takes_too_long_gives_one_hull_and_says_why(monkeypatch):
    def too_long(*_: object, **__: object) -> None:
        raise TimeLimitError("still busy")

    monkeypatch.setattr(hulls, "run_isolated", too_long)
    open_bowl = sphere().take_triangles(np.arange(960) > 300)
    made = decompose(open_bowl, **LIMITS)
    assert len(made.hulls) == 1 and made.fallback == "still busy"
