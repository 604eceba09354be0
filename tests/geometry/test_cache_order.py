from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from kiln.asset import Mesh
from kiln.geometry.cache_order import in_cache_order
from shapes import cube, grid, mesh, sphere

RANDOM = np.random.default_rng(7)


def shuffled(one: Mesh) -> Mesh:
    return replace(one, triangles=RANDOM.permutation(one.triangles))


def misses(one: Mesh, size: int = 32) -> float:
    """New vertices a triangle for a cache that drops the oldest."""
    cache: deque[int] = deque(maxlen=size)
    found = 0
    for vertex in one.triangles.reshape(-1).tolist():
        if vertex not in cache:
            cache.append(vertex)
            found += 1
    return found / one.triangle_count


def corners(one: Mesh) -> np.ndarray:
    """Every triangle's corners' positions, in the triangles' least order."""
    flat = one.positions[one.triangles].reshape(-1, 9)
    return flat[np.lexsort(flat.T[::-1])]


@pytest.mark.parametrize("one", [cube(), sphere(), grid(30, 20), mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(2, 0, 1)])])
def test_the_surface_stays(one: Mesh) -> None:
    assert np.array_equal(corners(in_cache_order(one)), corners(one))


def irregular() -> Mesh:
    """A sheet over random points."""
    points = np.random.default_rng(8).random((2000, 2))
    return mesh(np.column_stack([points, 0 * points[:, 0]]), Delaunay(points).simplices)


@pytest.mark.parametrize(("one", "most"), [(irregular(), 0.72), (sphere(40, 60), 1.0), (grid(50, 50), 1.0)])
def test_few_vertices_are_fetched_twice(one: Mesh, most: float) -> None:
    """Half a vertex a triangle is the least there can be; a strip takes one."""
    assert misses(shuffled(one)) > 2
    assert misses(in_cache_order(shuffled(one))) < most


def test_vertices_are_numbered_as_they_are_used() -> None:
    ordered = in_cache_order(shuffled(sphere()))
    _, first = np.unique(ordered.triangles, return_index=True)
    assert np.array_equal(first, np.sort(first))


def test_unused_vertices_go_and_attributes_follow() -> None:
    full = grid(6, 6)
    full = replace(full, uvs=full.positions[:, :2] * np.float32(0.1), triangles=full.triangles[20:40])
    ordered = in_cache_order(full)
    assert ordered.vertex_count == len(np.unique(full.triangles))
    assert np.array_equal(ordered.uvs, ordered.positions[:, :2] * np.float32(0.1))


def test_materials_follow_their_triangles_one_after_another() -> None:
    full = grid(10, 10)
    ids = (full.positions[full.triangles].mean(axis=1)[:, 0] > 4).astype(np.uint32) * 3
    ordered = in_cache_order(replace(full, material_ids=ids))
    assert ordered.material_ids.tolist() == sorted(ids.tolist())
    assert np.array_equal(ordered.positions[ordered.triangles].mean(axis=1)[:, 0] > 4, ordered.material_ids == 3)


def test_degenerate_and_doubled_triangles_stay() -> None:
    odd = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 0, 0), (0, 1, 1), (0, 1, 2), (0, 1, 2), (2, 1, 0)])
    assert np.array_equal(corners(in_cache_order(odd)), corners(odd))
