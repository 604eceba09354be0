"""Polygons to triangles: areas against the shoelace formula."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kiln.kernels.fill import trace_loops, triangulate_loops
from kiln.kernels.polygons import clip_ears


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


def test_ears_of_a_concave_polygon_fill_it_without_overlap() -> None:
    star = np.array(
        [(np.cos(t) * r, np.sin(t) * r, 0) for t, r in zip(np.linspace(0, 2 * np.pi, 11)[:-1], itertools.cycle((2, 0.6)), strict=False)]
    )
    triangles = np.empty((8, 3), np.int64)
    clip_ears(star, np.array([10]), np.arange(10), triangles)
    shoelace = 0.5 * np.cross(star, np.roll(star, -1, axis=0))[:, 2].sum()
    found = areas(star, triangles)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(shoelace)


def test_the_triangulation_of_a_loop_has_the_least_area_of_all() -> None:
    loop = np.random.default_rng(5).normal(size=(6, 3))

    def least(i: int, k: int) -> float:
        """By trying every triangulation of corners i to k."""
        if k - i < 2:
            return 0.0
        return min(
            least(i, j) + least(j, k) + float(np.linalg.norm(np.cross(loop[j] - loop[i], loop[k] - loop[i]))) / 2 for j in range(i + 1, k)
        )

    triangles = np.empty((4, 3), np.int32)
    triangulate_loops(loop, np.array([0, 6]), triangles)
    a, b, c = (loop[triangles[:, k]] for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 == pytest.approx(least(0, 5))


def test_open_half_edges_chain_into_loops_and_loose_ends_are_left_out() -> None:
    starts, stops = np.array([0, 1, 2, 3, 4, 5], np.int32), np.array([1, 2, 0, 4, 3, 6], np.int32)
    by_stop = np.full(7, -1, np.int32)
    by_stop[stops] = np.arange(6)
    loops, ends = np.empty(6, np.int32), np.zeros(7, np.int64)
    assert trace_loops(starts, stops, by_stop, loops, ends) == 2
    found = [set(loops[a:b].tolist()) for a, b in itertools.pairwise(ends[:3])]
    assert found == [{0, 1, 2}, {3, 4}]
