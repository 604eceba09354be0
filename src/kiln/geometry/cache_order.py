"""Triangles and vertices in the order in which graphics cards, and codecs of triangles, meet fewest new ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt32

from kiln.asset import Mesh
from kiln.kernels.vertex_cache import order_for_cache

_CACHE: Final = 16
"""Vertices that are looked back on, as many as meshopt's codes do."""

_LAST_TRIANGLE: Final = 1.15
_VALENCE_SCALE: Final = 3.0
"""Forsyth has 0.75 and 2 for these, a decay of power 1.5, and 32 vertices. These values make strips where triangles lie in rows, which
meshopt likes: an 8,000-triangle prop packs to 63.4 kB, a regular ball to 61.4; with 0.75 and 20 vertices 64.5 and 76.4. A cache of 32
vertices that drops the oldest still misses 0.66 a triangle of the prop (1.97 unordered), but 0.9 of a regular grid; then 0.65 and 0.67."""

_VALENCES: Final = 32
"""Of more unused triangles than this a vertex does not care."""


def in_cache_order(mesh: Mesh) -> Mesh:
    """The same surface, triangles of each material after one another and beside each other (Forsyth 2006), vertices numbered in order of
    first use. Vertices that no triangle uses are dropped.
    """
    materials = np.zeros(mesh.triangle_count, np.uint32) if mesh.material_ids is None else mesh.material_ids
    order = np.concatenate([_order(mesh.triangles, np.flatnonzero(materials == material)) for material in np.unique(materials)])
    triangles = mesh.triangles[order]
    used, first, number = np.unique(triangles, return_index=True, return_inverse=True)
    by_use = np.argsort(first)
    rank = np.empty(len(used), np.uint32)
    rank[by_use] = np.arange(len(used), dtype=np.uint32)
    ordered = mesh.take_vertices(used[by_use], rank[number].reshape(-1, 3))
    return replace(ordered, material_ids=None if mesh.material_ids is None else mesh.material_ids[order])


def _order(all_triangles: UInt32[np.ndarray, "all 3"], chosen: np.ndarray) -> np.ndarray:
    """The chosen triangles' numbers in cache order."""
    vertices, number = np.unique(all_triangles[chosen], return_inverse=True)
    triangles = number.reshape(-1, 3).astype(np.int32)
    corners = np.argsort(triangles.reshape(-1), kind="stable")
    left = np.bincount(triangles.reshape(-1), minlength=len(vertices)).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(left)[:-1]]).astype(np.int32)
    by_place, by_valence = _place_scores(), _valence_scores()
    scores = by_valence[np.minimum(left, _VALENCES - 1)]
    order, used = np.empty(len(triangles), np.int32), np.zeros(len(triangles), np.uint8)
    order_for_cache(triangles, starts, left, (corners // 3).astype(np.int32), by_place, by_valence, scores, used, order)
    return chosen[order]


def _place_scores() -> Float32[np.ndarray, " cache"]:
    """What a place in the cache is worth: the last triangle's corners all the same, older ones less and less."""
    older = 1 - np.arange(_CACHE - 3) / (_CACHE - 3)
    return np.concatenate([np.full(3, _LAST_TRIANGLE), older]).astype(np.float32)


def _valence_scores() -> Float32[np.ndarray, " valences"]:
    """A vertex with few triangles left is to be finished; one with none counts nothing."""
    left = np.arange(1, _VALENCES)
    return np.concatenate([[0.0], _VALENCE_SCALE / np.sqrt(left)]).astype(np.float32)
