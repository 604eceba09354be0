"""What is worked out once for a mesh must go when the mesh goes."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np

from kiln.asset import Mesh
from kiln.geometry.normals import shaded, smooth_normals
from kiln.geometry.per_mesh import once_per_mesh
from kiln.geometry.trace import Scene, scene_of
from shapes import cube, sphere


def test_one_mesh_value_is_worked_on_once_and_another_again() -> None:
    calls: list[Mesh] = []
    count = once_per_mesh(lambda mesh: calls.append(mesh) or mesh.triangle_count)
    first, second = cube(), cube()
    assert count(first) == count(first) == count(second) == 12
    assert len(calls) == 2


def test_the_memory_goes_with_the_mesh() -> None:
    class Result:
        pass

    make = once_per_mesh(lambda mesh: Result())
    box = cube()
    result = weakref.ref(make(box))
    assert result() is not None
    del box
    gc.collect()
    assert result() is None


def test_scenes_and_normals_are_shared() -> None:
    ball = sphere(8, 16)
    assert scene_of(ball) is scene_of(ball)
    assert isinstance(scene_of(ball), Scene)
    assert shaded(ball) is shaded(ball)


def test_a_mesh_that_is_its_own_result_is_not_kept_alive() -> None:
    ball = sphere(8, 16)
    ball = replace(ball, normals=smooth_normals(ball))
    assert shaded(ball) is ball
    gone = weakref.ref(ball)
    del ball
    gc.collect()
    assert gone() is None


def test_a_moved_mesh_may_carry_its_scene_along() -> None:
    ball = sphere(24, 48)
    offset = np.array([3, -1, 2], np.float32)
    moved = ball.moved(scale=2.5, offset=offset)
    scene = scene_of(ball)
    scene_of.carry(ball, moved, lambda known: known.moved(scale=2.5, offset=offset))
    assert scene_of(moved) is not scene
    directions = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    origins = np.tile(offset, (200, 1))
    carried, built = scene_of(moved).closest(origins, directions), Scene(moved).closest(origins, directions)
    assert (carried.triangle == built.triangle).mean() > 0.98
    assert np.allclose(carried.distance, built.distance, rtol=1e-4)
    assert scene_of(moved).occluded(origins, directions).all()


def test_what_is_carried_does_not_depend_on_who_asked_first() -> None:
    calls: list[Mesh] = []
    count = once_per_mesh(lambda mesh: calls.append(mesh) or mesh.triangle_count)
    first, moved, again = cube(), cube(), cube()
    count.carry(first, moved, lambda known: known + 100)
    count.carry(moved, again, lambda known: known + 1000)
    assert (count(again), count(moved), count(first)) == (1112, 112, 12)
    assert calls == [first]


def test_a_moved_mesh_that_is_its_own_result_stays_so() -> None:
    ball = sphere(8, 16)
    ball = replace(ball, normals=smooth_normals(ball))
    moved = ball.moved(scale=2.0)
    shaded.carry(ball, moved, lambda known: known.moved(scale=2.0))
    assert shaded(moved) is moved


def test_a_mesh_that_was_moved_from_is_let_go_once_its_result_is_known() -> None:
    count = once_per_mesh(lambda mesh: mesh.triangle_count)
    before, moved = cube(), cube()
    count.carry(before, moved, lambda known: known)
    gone = weakref.ref(before)
    del before
    gc.collect()
    assert gone() is not None
    assert count(moved) == 12
    gc.collect()
    assert gone() is None
