from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.bake import SurfacePoints
from kiln.geometry.rasterize import rasterize, rasterize_within
from shapes import mesh


def grid_of_triangles(cells: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A jittered triangulated square that covers size x size pixels exactly."""
    rng = np.random.default_rng(1)
    steps = np.linspace(0, size, cells + 1)
    points = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    points[1:-1, 1:-1] += rng.uniform(-0.3, 0.3, points[1:-1, 1:-1].shape) * size / cells
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    quads = np.stack([corner, corner + cells + 1, corner + cells + 2, corner, corner + cells + 2, corner + 1], axis=1)
    return points.reshape(-1, 2), quads.reshape(-1, 3).astype(np.uint32)


@pytest.mark.parametrize("flip", [False, True])
def test_neighbours_share_every_pixel_without_gap_or_overlap(flip: bool) -> None:
    points, triangles = grid_of_triangles(7, 64)
    if flip:
        triangles = triangles[:, ::-1].copy()
    counts = np.zeros((64, 64), int)
    for triangle in triangles:
        counts += rasterize(points, triangle[None], width=64, height=64).triangle >= 0
    assert (counts == 1).all()


def test_edges_through_pixel_centres_are_drawn_once() -> None:
    points = np.array([(0.5, 0.5), (4.5, 0.5), (4.5, 4.5), (0.5, 4.5)])
    halves = [rasterize(points, np.array([t], np.uint32), width=6, height=6).triangle >= 0 for t in ((0, 1, 2), (0, 2, 3))]
    assert not (halves[0] & halves[1]).any()
    assert (halves[0] | halves[1]).sum() == 16


def test_interpolated_points_are_the_pixel_centres() -> None:
    points, triangles = grid_of_triangles(5, 40)
    found = rasterize(points, triangles, width=40, height=40)
    flat = mesh(np.column_stack([points, np.zeros(len(points))]), triangles)
    at = SurfacePoints(triangle=found.triangle.ravel(), bary=found.bary.reshape(-1, 2)).take(flat, flat.positions)[:, :2]
    expected = np.stack(np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5), axis=-1).reshape(-1, 2)
    assert np.abs(at - expected).max() < 1e-4


def test_the_nearer_triangle_wins_whatever_the_order() -> None:
    points = np.array([(0, 0), (8, 0), (0, 8)] * 2, float)
    depth = np.array([2.0] * 3 + [1.0] * 3)
    for triangles in ([(0, 1, 2), (3, 4, 5)], [(3, 4, 5), (0, 1, 2)]):
        found = rasterize(points, np.array(triangles, np.uint32), width=8, height=8, depth=depth)
        assert (found.depth[found.triangle >= 0] == 1.0).all()


def test_places_within_texels_find_the_triangle_that_lies_there() -> None:
    """Against a search through all triangles, in the middle rows of a map, for the marked texels alone."""
    points, triangles = grid_of_triangles(5, 32)
    flat = mesh(np.column_stack([points, np.zeros(len(points))]), triangles, uvs=(points / 40).astype(np.float32))
    places = np.array([(-0.2, 0.1), (0.3, -0.4)])
    marked = np.sort(np.random.default_rng(2).choice(np.arange(8 * 40, 36 * 40), 60, replace=False))
    owner, bary = rasterize_within(flat, marked, places, size=40, rows=(8, 36))
    centres = np.stack([marked % 40, marked // 40], axis=1) + 0.5
    wanted = centres[:, None] + places
    inside = (wanted < 32).all(axis=2)
    assert 0 < inside.sum() < inside.size
    assert np.array_equal(owner >= 0, inside)
    at = SurfacePoints(triangle=owner[inside], bary=bary[inside]).take(flat, flat.positions)[:, :2]
    assert np.abs(at - wanted[inside]).max() < 1e-4
    assert bary[inside].min() >= 0 and bary[inside].sum(axis=1).max() <= 1 + 1e-6
