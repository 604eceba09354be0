from __future__ import annotations

import numpy as np

from kiln.kernels.triangle_tree import NODE_WIDTH, build_tree, find_nearest, nearest_on_triangle
from kiln.kernels.winding import wind_around
from shapes import sphere, tetrahedron


def corners_of(solid) -> np.ndarray:
    return solid.positions.astype(np.float64)[solid.triangles]


def tree_of(corners: np.ndarray, leaves: int) -> np.ndarray:
    nodes = np.empty((2 * leaves - 1, NODE_WIDTH))
    build_tree(corners, leaves, nodes, np.empty(2 * leaves - 1))
    return nodes


def solid_angles(corners: np.ndarray, p: np.ndarray) -> float:
    """Van Oosterom and Strackee, over all triangles."""
    a, b, c = (corners[:, k] - p for k in range(3))
    la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    dot = lambda u, v: (u * v).sum(axis=1)  # noqa: E731
    return float(
        2 * np.arctan2(dot(a, np.cross(b, c)), la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb).sum() / (4 * np.pi)
    )


def test_winding_numbers_are_sums_of_solid_angles():
    corners = corners_of(sphere(12, 24))[::2]
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    for leaves in (1, 32):
        out = np.empty(50, np.float32)
        wind_around(tree_of(corners, leaves), corners, points, out, 0, 50)
        exact = np.array([solid_angles(corners, p) for p in points])
        assert np.abs(out - exact).max() < (1e-6 if leaves == 1 else 0.05)


def test_a_node_holds_its_triangles_box_area_and_ball():
    corners = corners_of(tetrahedron())
    nodes = tree_of(corners, 4)
    assert nodes[0, :6].tolist() == [0, 0, 0, 1, 1, 1]
    assert np.abs(nodes[0, 9:12]).max() < 1e-15, "the vector areas of a closed surface cancel"
    away = np.linalg.norm(corners.reshape(-1, 3) - nodes[0, 6:9], axis=1).max()
    assert away <= nodes[0, 12] <= 2 * away


def test_the_nearest_triangle_is_the_nearest_of_all():
    corners = corners_of(sphere(8, 12))
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (200, 3))
    found, bary = np.empty(200, np.int32), np.empty((200, 2), np.float32)
    find_nearest(tree_of(corners, 16), corners, points, np.inf, found, bary, 0, 200)
    for p, triangle, (v, w) in zip(points, found, bary, strict=True):
        best = min(nearest_on_triangle(p, *each)[0] for each in corners)
        a, b, c = corners[triangle]
        assert abs(np.linalg.norm(a + v * (b - a) + w * (c - a) - p) - np.sqrt(best)) < 1e-6
    find_nearest(tree_of(corners, 16), corners, points, 1e-9, found, bary, 0, 200)
    assert (found == -1).all()


def test_the_nearest_place_on_a_triangle():
    a, b, c = np.array([0.0, 0, 0]), np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    for point, expected in (
        ((-1, -1, 0), (2, 0, 0)),
        ((2, 0, 0), (1, 1, 0)),
        ((0, 3, 0), (4, 0, 1)),
        ((0.5, -1, 0), (1, 0.5, 0)),
        ((-1, 0.25, 0), (1, 0, 0.25)),
        ((1, 1, 0), (0.5, 0.5, 0.5)),
        ((0.25, 0.25, 2), (4, 0.25, 0.25)),
    ):
        assert np.allclose(nearest_on_triangle(np.array(point, float), a, b, c), expected)
