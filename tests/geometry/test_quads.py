from __future__ import annotations

import numpy as np
import pytest

import kiln.geometry.quads as module
from kiln.asset import Mesh
from kiln.errors import TimeLimitError
from kiln.geometry.quads import Quads, quads
from kiln.geometry.topology import measure_topology
from shapes import cube, refined, sphere


def quad_box(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A unit cube's faces cut into steps x steps quads: points (not shared between faces) and corners."""
    points, corners = [], []
    at = np.stack(np.meshgrid(np.arange(steps), np.arange(steps), indexing="ij"), axis=-1).reshape(-1, 2)
    for axis in range(3):
        for side in (-0.5, 0.5):
            ring = [(0, 0), (1, 0), (1, 1), (0, 1)]
            flat = (at[:, None] + np.array(ring if side > 0 else ring[::-1])) / steps - 0.5
            solid = np.insert(flat, 0, side, axis=2)
            points.append(np.roll(solid, axis, axis=2).reshape(-1, 3))
    positions = np.concatenate(points).astype(np.float32)
    corners = np.arange(len(positions), dtype=np.uint32).reshape(-1, 4)
    return positions, corners


def pretend(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """Stand in for the library's process."""

    def call(*args: object, **kwargs: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(module, "run_isolated", call)


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "kiln3d[quads]" in quads(cube(), triangles=100, time_limit_s=1.0)


def test_good_quads_are_taken_and_their_triangles_are_pairs(monkeypatch):
    pretend(monkeypatch, quad_box(3))
    made = quads(cube(), triangles=108, time_limit_s=1.0)
    assert isinstance(made, Quads) and made.share == 1 and made.farthest < 1e-6
    assert measure_topology(made.mesh).is_sound
    first, second = made.mesh.triangles[::2], made.mesh.triangles[1::2]
    assert np.array_equal(first[:, [0, 2]], second[:, [0, 1]])


def test_quads_that_are_worse_than_the_mesh_are_refused_with_the_reason(monkeypatch):
    positions, corners = quad_box(3)
    pretend(monkeypatch, (positions, corners[:-1]))
    assert "open edges" in quads(cube(), triangles=108, time_limit_s=1.0)
    pretend(monkeypatch, (positions, corners))
    assert "for a budget of 100" in quads(cube(), triangles=100, time_limit_s=1.0)
    assert "away from them" in quads(sphere(), triangles=110, time_limit_s=1.0)


def test_a_crash_or_nonsense_is_told(monkeypatch):
    pretend(monkeypatch, TimeLimitError("still busy"))
    assert quads(cube(), triangles=100, time_limit_s=1.0) == "still busy"
    pretend(monkeypatch, (np.full((4, 3), np.nan, np.float32), np.array([(0, 1, 2, 3)], np.uint32)))
    assert "no usable quads" in quads(cube(), triangles=100, time_limit_s=1.0)


def test_a_bent_quad_does_not_count_as_sound():
    positions = np.array([(0, 0, 0), (1, 0, 0), (0.2, 0.2, 0), (0, 1, 0)], np.float32)
    dart = Mesh(positions=positions, triangles=np.array([(0, 1, 2), (0, 2, 3)], np.uint32))
    assert module._sound_share(dart) == 0


def test_the_library_itself_makes_quads_of_a_ball():
    ball = refined(sphere(), 1)
    made = quads(ball, triangles=600, time_limit_s=60.0)
    assert isinstance(made, Quads), made
    assert made.share > 0.95 and made.farthest < 0.01
    assert measure_topology(made.mesh).is_sound and 450 <= made.mesh.triangle_count <= 600
