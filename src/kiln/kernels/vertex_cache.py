"""The order of triangles that a small cache of vertices likes best."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled, inner


@inner
def _best_beside(
    cache: np.ndarray, filled: int, starts: np.ndarray, left: np.ndarray, touching: np.ndarray, triangles: np.ndarray, scores: np.ndarray
) -> int:
    """The unused triangle on cached vertices whose corners score highest, the first found of equals; -1 when there is none."""
    best, best_score = -1, np.float32(-1)
    for place in range(filled):
        vertex = cache[place]
        for k in range(starts[vertex], starts[vertex] + left[vertex]):
            t = touching[k]
            score = scores[triangles[t, 0]] + scores[triangles[t, 1]] + scores[triangles[t, 2]]
            if score > best_score:
                best, best_score = t, score
    return best


@inner
def _use(t: int, triangles: np.ndarray, starts: np.ndarray, left: np.ndarray, touching: np.ndarray) -> None:
    """Take triangle t out of its corners' lists of unused triangles."""
    for corner in range(3):
        vertex = triangles[t, corner]
        last = starts[vertex] + left[vertex] - 1
        for k in range(starts[vertex], last + 1):
            if touching[k] == t:
                touching[k] = touching[last]
                left[vertex] -= 1
                break


@inner
def _refresh(cache: np.ndarray, older: np.ndarray, filled: int, triangle: np.ndarray, size: int) -> int:
    """Move the triangle's corners to the front of the cache; returns how many it holds, which may be 3 more than `size`."""
    for place in range(filled):
        older[place] = cache[place]
    count = 0
    for corner in range(3):
        vertex = triangle[corner]
        if (corner < 1 or vertex != triangle[0]) and (corner < 2 or vertex != triangle[1]):
            cache[count] = vertex
            count += 1
    for place in range(filled):
        vertex = older[place]
        if vertex != triangle[0] and vertex != triangle[1] and vertex != triangle[2]:
            cache[count] = vertex
            count += 1
    return min(count, size + 3)


@compiled
def order_for_cache(
    triangles: np.ndarray,
    starts: np.ndarray,
    left: np.ndarray,
    touching: np.ndarray,
    by_place: np.ndarray,
    by_valence: np.ndarray,
    scores: np.ndarray,
    used: np.ndarray,
    order: np.ndarray,
) -> None:
    """Fill `order` with the triangles, each next one the best beside the last ones.

    Forsyth 2006, "Linear-Speed Vertex Cache Optimisation". Where nothing unused is in the cache, the first unused triangle goes on.
    triangles (F, 3) int32; the triangles at vertex v are touching[starts[v] : starts[v] + left[v]] (int32, used up); a vertex scores
    by_place[its place in the cache] + by_valence[its unused triangles], both float32, places past the last one scoring 0; scores (V,)
    float32 holds by_valence's; used (F,) uint8 holds zeros; order (F,) int32.
    """
    size = len(by_place)
    cache, older = np.empty(size + 3, np.int32), np.empty(size + 3, np.int32)
    filled, first = 0, 0
    for n in range(len(triangles)):
        t = _best_beside(cache, filled, starts, left, touching, triangles, scores)
        if t < 0:
            while used[first]:
                first += 1
            t = first
        used[t] = 1
        order[n] = t
        _use(t, triangles, starts, left, touching)
        filled = _refresh(cache, older, filled, triangles[t], size)
        for place in range(filled):
            vertex = cache[place]
            scores[vertex] = by_valence[min(left[vertex], len(by_valence) - 1)]
            if place < size and left[vertex] > 0:
                scores[vertex] += by_place[place]
        filled = min(filled, size)
