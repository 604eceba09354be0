from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh, Picture
from kiln.asset.conventions import View
from kiln.backends.silhouette.align import align_views
from kiln.backends.silhouette.hull import build_hull
from kiln.geometry.rasterize import rasterize
from kiln.geometry.vectors import face_vectors

SIZE = 240


def ellipse(view: View, half_width: float) -> Picture:
    """An ellipse 200 pixels tall, with a soft rim."""
    at = np.arange(SIZE) + 0.5 - SIZE / 2
    radius = np.hypot(at[:, None] / 100, at[None, :] / half_width)
    return picture(view, np.clip((1 - radius) * half_width + 0.5, 0, 1))


def boxes(view: View, *spans: tuple[int, int, int, int]) -> Picture:
    """Boxes, each given by its top, bottom, left and right."""
    alpha = np.zeros((SIZE, SIZE))
    for top, bottom, left, right in spans:
        alpha[top:bottom, left:right] = 1
    return picture(view, alpha)


def picture(view: View, alpha: np.ndarray) -> Picture:
    pixels = np.full((SIZE, SIZE, 4), 128, np.uint8)
    pixels[..., 3] = np.round(alpha * 255)
    return Picture(pixels=pixels, name=view, view=view, has_matte=True)


def overlap(mesh: Mesh, picture: Picture, azimuth_degrees: float) -> float:
    """Intersection over union of the mesh's image and the matte, both cropped to their boxes."""
    turn = np.radians(azimuth_degrees)
    flat = np.stack([mesh.positions @ np.array([np.cos(turn), 0, -np.sin(turn)]), -mesh.positions[:, 1]], axis=1).astype(np.float64)
    matte = picture.alpha > 127
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    matte = matte[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = matte.shape
    points = (flat - flat.min(axis=0)) / np.ptp(flat, axis=0) * (width, height)
    image = rasterize(points, mesh.triangles, width=width, height=height).triangle >= 0
    return float((image & matte).sum() / (image | matte).sum())


def hull(*pictures: Picture, detail: int = 20_000) -> Mesh:
    return build_hull(align_views(pictures).views, detail=detail)


def volume(mesh: Mesh) -> float:
    corner = mesh.positions[mesh.triangles[:, 0]].astype(np.float64)
    return float((corner * face_vectors(mesh)).sum() / 6)


def test_ellipses_from_two_sides_give_an_ellipsoid_not_a_box() -> None:
    front, left = ellipse("front", 60), ellipse("left", 40)
    mesh = hull(front, left)
    assert overlap(mesh, front, 0) > 0.985
    assert overlap(mesh, left, 90) > 0.985
    ellipsoid, box = 4 / 3 * np.pi * 0.5 * 0.3 * 0.2, 0.6 * 0.4 * 2 / 3
    assert ellipsoid * 0.97 < volume(mesh) < ellipsoid + 0.4 * (box - ellipsoid)


def test_left_view_shows_what_is_in_front_on_its_left() -> None:
    """The subject's nose points to +Z; seen from its own left (+X) that is the picture's left-hand side."""
    front = boxes("front", (20, 220, 100, 140))
    left = boxes("left", (20, 220, 100, 140), (40, 60, 60, 100))
    mesh = hull(front, left)
    low, high = mesh.bounds
    nose = mesh.positions[mesh.positions[:, 2] > high[2] - 0.05, 1]
    assert overlap(mesh, left, 90) > 0.97
    assert 0.78 < nose.mean() < 0.92
    assert high[2] - low[2] == pytest.approx(0.4, abs=0.02)


def test_right_view_is_the_left_one_mirrored() -> None:
    front = boxes("front", (20, 220, 100, 140))
    left = boxes("left", (20, 220, 100, 140), (40, 60, 60, 100))
    right = picture("right", left.alpha[:, ::-1] / 255)
    a, b = hull(front, left), hull(front, right)
    assert np.allclose(a.bounds, b.bounds, atol=2e-3)
    assert volume(a) == pytest.approx(volume(b), rel=1e-3)
    assert overlap(hull(front, left, right), right, 270) > 0.97


def test_parts_stay_apart() -> None:
    """Legs and arms: several intervals in a row of the front, and the gaps between them stay open."""
    front = boxes("front", (20, 120, 90, 150), (120, 220, 90, 112), (120, 220, 128, 150), (40, 110, 60, 80), (40, 50, 80, 90))
    left = boxes("left", (20, 220, 95, 145))
    mesh = hull(front, left, detail=40_000)
    assert overlap(mesh, front, 0) > 0.96
    assert overlap(mesh, left, 90) > 0.97


def test_a_limb_is_thinner_than_the_trunk_beside_it() -> None:
    front = boxes("front", (20, 220, 90, 150), (100, 200, 50, 66), (90, 100, 50, 90))
    left = boxes("left", (20, 220, 85, 155))
    mesh = hull(front, left, detail=40_000)
    at = np.abs(mesh.positions[:, 1] - 0.35) < 0.1
    x = mesh.positions[:, 0]
    arm = at & (x < x.min() + 0.09)
    trunk = at & (x > x.min() + 0.18)
    assert np.ptp(mesh.positions[arm, 2]) < 0.5 * np.ptp(mesh.positions[trunk, 2])
    assert np.ptp(mesh.positions[arm, 2]) > 0.05


def test_opposite_views_that_differ_meet_between() -> None:
    front, back = ellipse("front", 60), ellipse("back", 50)
    mesh = hull(front, ellipse("left", 40), back)
    low, high = mesh.bounds
    assert 0.5 < high[0] - low[0] < 0.6


def test_front_and_back_alone_are_inflated() -> None:
    front, back = ellipse("front", 60), ellipse("back", 60)
    mesh = hull(front, back)
    low, high = mesh.bounds
    assert overlap(mesh, front, 0) > 0.985
    assert high[2] - low[2] > 0.2


def test_left_and_right_alone_stand_sideways() -> None:
    left, right = ellipse("left", 40), ellipse("right", 40)
    mesh = hull(left, right)
    assert overlap(mesh, left, 90) > 0.985
    assert volume(mesh) > 0


def test_closed_outward_and_about_as_detailed_as_asked() -> None:
    mesh = hull(ellipse("front", 60), ellipse("left", 40), detail=30_000)
    edges = np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert volume(mesh) > 0
    assert 25_000 < mesh.triangle_count < 36_000
    assert mesh.bounds[0][1] == pytest.approx(0, abs=0.01)
    assert mesh.bounds[1][1] == pytest.approx(1, abs=0.01)
