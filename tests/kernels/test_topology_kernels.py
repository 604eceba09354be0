"""Kernels of connectivity against their slow twins."""

from __future__ import annotations

import numpy as np

from kiln.kernels.normals import add_corner_normals
from kiln.kernels.orient import flood_winding
from kiln.kernels.topology import (
    NON_MANIFOLD,
    OPEN,
    join_pairs,
    measure_areas,
    number_sets,
    pair_crowded,
    pair_half_edges,
    sort_corners,
    sort_half_edges,
)
from shapes import cube

RANDOM = np.random.default_rng(2)


def soup(triangles: int = 200, points: int = 40) -> np.ndarray:
    """Random triangles of three different points each."""
    return np.array([RANDOM.choice(points, 3, replace=False) for _ in range(triangles)], np.int32)


def ends_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and higher point of each half-edge."""
    ends = np.stack([triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)], axis=1)
    return ends.min(axis=1), ends.max(axis=1)


def sorted_half_edges(triangles: np.ndarray) -> np.ndarray:
    order, scratch = np.empty(triangles.size, np.int32), np.empty(triangles.size, np.int32)
    sort_half_edges(triangles, np.empty(int(triangles.max()) + 2, np.int64), order, scratch)
    return order


def test_half_edges_are_sorted_as_lexsort_does() -> None:
    triangles = soup()
    low, high = ends_of(triangles)
    assert np.array_equal(sorted_half_edges(triangles), np.lexsort([np.arange(triangles.size), high, low]))


def test_twins_and_counts_agree_with_a_dictionary() -> None:
    triangles = soup()
    twins, counts = np.empty(triangles.size, np.int32), np.empty(4, np.int64)
    pair_half_edges(triangles, sorted_half_edges(triangles), twins, counts)
    by_edge: dict[tuple[int, int], list[int]] = {}
    for half_edge, edge in enumerate(zip(*(ends.tolist() for ends in ends_of(triangles)), strict=True)):
        by_edge.setdefault(edge, []).append(half_edge)
    for sharing in by_edge.values():
        expected = {1: [OPEN], 2: sharing[::-1]}.get(len(sharing), [NON_MANIFOLD] * len(sharing))
        assert twins[sharing].tolist() == expected
    starts = triangles.reshape(-1)
    pairs = [sharing for sharing in by_edge.values() if len(sharing) == 2]
    sizes = [len(sharing) for sharing in by_edge.values()]
    same_way = sum(starts[a] == starts[b] for a, b in pairs)
    assert counts.tolist() == [len(by_edge), sizes.count(1), sum(size > 2 for size in sizes), same_way]


def test_sets_are_joined_and_numbered_by_their_lowest_member() -> None:
    pairs = RANDOM.integers(0, 60, (45, 2)).astype(np.int32)
    parents, labels = np.arange(60, dtype=np.int32), np.empty(60, np.int32)
    join_pairs(parents, pairs[:, 0], pairs[:, 1])
    count = number_sets(parents, labels)
    lowest = np.arange(60)
    for _ in range(60):  # the slow way: pass the lower number along until nothing changes
        for a, b in pairs:
            lowest[[a, b]] = min(lowest[a], lowest[b])
    assert count == len(np.unique(lowest))
    assert np.array_equal(labels, np.unique(lowest, return_inverse=True)[1])


def test_areas_and_sorted_corners_agree_with_numpy() -> None:
    positions, triangles = RANDOM.random((40, 3)).astype(np.float32), soup().astype(np.uint32)
    areas, rows = np.empty(len(triangles)), np.empty((len(triangles), 3), np.int32)
    measure_areas(positions, triangles, areas)
    a, b, c = (positions[triangles[:, k]].astype(np.float64) for k in range(3))
    assert np.allclose(areas, np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)
    sort_corners(triangles.astype(np.int32), rows)
    assert np.array_equal(rows, np.sort(triangles, axis=1))


def test_crowded_half_edges_are_paired_around_the_narrowest_wedges() -> None:
    """Two thin wedges that touch along one edge: each one's two sides belong together."""
    angles = np.radians([0, 20, 180, 200])
    positions = np.array([(0, 0, 0), (0, 0, 1), *((np.cos(a), np.sin(a), 0) for a in angles)])
    triangles = np.array([(1, 0, 2), (0, 1, 3), (1, 0, 4), (0, 1, 5)], np.int32)
    crowded = np.array([0, 3, 6, 9], np.int32)
    pairs = np.empty((4, 2), np.int32)
    count = pair_crowded(positions, triangles, crowded, np.array([0, 4]), pairs)
    assert {frozenset(pair // 3) for pair in pairs[:count].tolist() for pair in [np.array(pair)]} == {frozenset((0, 1)), frozenset((2, 3))}


def test_winding_spreads_over_each_patch() -> None:
    triangles = cube().triangles.astype(np.int32)
    flipped = RANDOM.random(12) < 0.5
    flipped[0] = False
    given = np.where(flipped[:, None], triangles[:, ::-1], triangles)
    twins, counts = np.empty(36, np.int32), np.empty(4, np.int64)
    pair_half_edges(given, sorted_half_edges(given), twins, counts)
    patches, turned = np.full(12, -1, np.int32), np.zeros(12, bool)
    assert flood_winding(given, twins, patches, turned, np.empty(12, np.int32)) == 1
    assert np.array_equal(turned, flipped)


def test_corner_normals_are_weighted_by_angle() -> None:
    positions, triangles = RANDOM.random((10, 3)).astype(np.float32), soup(6, 10).astype(np.uint32)
    sums, expected = np.zeros((10, 3)), np.zeros((10, 3))
    add_corner_normals(positions, triangles, np.arange(10), sums)
    for triangle in triangles:
        p = positions[triangle].astype(np.float64)
        normal = np.cross(p[1] - p[0], p[2] - p[0])
        for k in range(3):
            e, f = p[(k + 1) % 3] - p[k], p[(k + 2) % 3] - p[k]
            angle = np.arccos(e @ f / np.linalg.norm(e) / np.linalg.norm(f))
            expected[triangle[k]] += angle * normal / np.linalg.norm(normal)
    assert np.allclose(sums, expected)
