"""The kernel against a slow twin that scores everything anew at every step."""

from __future__ import annotations

import numpy as np

from kiln.kernels.vertex_cache import order_for_cache
from shapes import grid, sphere

BY_PLACE = np.array([1.2, 1.2, 1.2, 0.9, 0.6, 0.3], np.float32)
BY_VALENCE = np.concatenate([[0], 2 / np.sqrt(np.arange(1, 9))]).astype(np.float32)


def ordered(triangles: np.ndarray) -> np.ndarray:
    triangles = triangles.astype(np.int32)
    left = np.bincount(triangles.reshape(-1)).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(left)[:-1]]).astype(np.int32)
    touching = (np.argsort(triangles.reshape(-1), kind="stable") // 3).astype(np.int32)
    order = np.empty(len(triangles), np.int32)
    scores, used = BY_VALENCE[np.minimum(left, 8)], np.zeros(len(triangles), np.uint8)
    order_for_cache(triangles, starts, left, touching, BY_PLACE, BY_VALENCE, scores, used, order)
    return order


def score(corners: list[int], cache: list[int], valence: np.ndarray) -> float:
    by_valence = sum(float(BY_VALENCE[min(valence[vertex], 8)]) for vertex in corners)
    return by_valence + sum(float(BY_PLACE[cache.index(vertex)]) for vertex in corners if vertex in cache)


def best_scores(triangles: np.ndarray, order: np.ndarray) -> list[tuple[float, float]]:
    """For each step with a cache in use: the score of the triangle that was taken, and the best there was."""
    cache: list[int] = []
    unused = dict(enumerate(triangles.tolist()))
    found = []
    for t in order.tolist():
        valence = np.bincount(np.array(list(unused.values())).reshape(-1), minlength=int(triangles.max()) + 1)
        near = {n: score(corners, cache, valence) for n, corners in unused.items() if set(corners) & set(cache)}
        if near:
            found.append((near[t], max(near.values())))
        corners = unused.pop(t)
        cache = [*corners, *(vertex for vertex in cache if vertex not in corners)][: len(BY_PLACE)]
    return found


def test_each_step_takes_the_best_beside_the_cache() -> None:
    for triangles in (grid(7, 6).triangles, sphere(6, 8).triangles):
        order = ordered(triangles)
        assert sorted(order.tolist()) == list(range(len(triangles)))
        steps = np.array(best_scores(triangles, order))
        assert np.allclose(steps[:, 0], steps[:, 1], atol=1e-5)


def test_loose_triangles_go_in_their_own_order() -> None:
    assert ordered(np.arange(30).reshape(-1, 3)).tolist() == list(range(10))
