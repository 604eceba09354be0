"""inflate, lathe, extrude: known solids from known outlines, and outlines kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.backends.silhouette.extrude import extrude
from kiln.backends.silhouette.inflate import BACK, inflate, solve
from kiln.backends.silhouette.lathe import find_axis, lathe
from kiln.backends.silhouette.outline import trace_outline
from kiln.backends.silhouette.solid import Solid, half_depth, spacing_for, to_mesh
from kiln.geometry.rasterize import rasterize
from kiln.geometry.relax import relax_along_surface

SIZE = 96
Y, X = np.mgrid[:SIZE, :SIZE] + 0.5


def matte(distance: np.ndarray) -> np.ndarray:
    return (np.clip(distance + 0.5, 0, 1) * 255).round().astype(np.uint8)


def box(x0: float, x1: float, y0: float, y1: float) -> np.ndarray:
    return np.minimum(np.minimum(X - x0, x1 - X), np.minimum(Y - y0, y1 - Y))


DISC = matte(40 - np.hypot(X - 48, Y - 48))
RING = matte(np.minimum(40 - np.hypot(X - 48, Y - 48), np.hypot(X - 48, Y - 48) - 20))
ROD = matte(box(42, 54, 4, 92))
STAR = matte(30 + 12 * np.cos(5 * np.arctan2(X - 48, Y - 48)) - np.hypot(X - 48, Y - 48))
MUG = matte(np.maximum(box(20, 60, 20, 80), np.minimum(20 - np.hypot(X - 62, Y - 50), np.hypot(X - 62, Y - 50) - 14)))


def overlap(mesh: Mesh, alpha: np.ndarray) -> float:
    """IoU of the mesh from the front with the matte, in the frame of the picture."""
    frame = trace_outline(alpha).frame
    points = frame.to_pixels(mesh.positions[:, :2].astype(np.float64))
    seen = rasterize(points, mesh.triangles, width=SIZE, height=SIZE).triangle >= 0
    return float((seen & (alpha > 127)).sum() / (seen | (alpha > 127)).sum())


def components(mesh: Mesh) -> int:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b = mesh.triangles.ravel(), np.roll(mesh.triangles, 1, axis=1).ravel()
    return int(connected_components(coo_matrix((np.ones(len(a)), (a, b)), (mesh.vertex_count, mesh.vertex_count)))[0])


def euler(mesh: Mesh) -> int:
    return mesh.vertex_count - mesh.triangle_count // 2


@pytest.mark.parametrize("method", [inflate, lathe, extrude])
@pytest.mark.parametrize("alpha", [DISC, RING, ROD, STAR, MUG], ids=["disc", "ring", "rod", "star", "mug"])
def test_the_outline_is_the_pictures(method: Callable[..., Solid], alpha: np.ndarray) -> None:
    assert overlap(relax_along_surface(to_mesh(method(trace_outline(alpha), spacing=0.012))), alpha) > 0.98


@pytest.mark.parametrize("method", [inflate, extrude])
def test_a_ring_keeps_its_hole(method: Callable[..., Solid]) -> None:
    mesh = to_mesh(method(trace_outline(RING), spacing=0.02))
    assert (components(mesh), euler(mesh)) == (1, 0)


def test_solution_on_a_disc_is_the_parabola() -> None:
    outline = trace_outline(DISC)
    grid = outline.sample(0.01)
    u = solve(outline, spacing=0.01, level=100.0)
    true = np.maximum(0.25 - grid.x() ** 2 - (grid.y() - 0.5) ** 2, 0) / 4
    np.testing.assert_allclose(u, true, atol=0.02 * true.max())


def test_a_rod_is_as_deep_as_wide_and_a_disc_is_flatter() -> None:
    rod, disc = inflate(trace_outline(ROD), spacing=0.01), inflate(trace_outline(DISC), spacing=0.01)
    assert half_depth(rod).max() == pytest.approx(6 / 88, rel=0.1)
    assert 0.5 < half_depth(disc).max() * (1 + BACK) < 0.9


def test_arms_are_swept_back_and_a_compact_body_is_not() -> None:
    cross = matte(np.maximum(box(40, 56, 4, 92), box(4, 92, 30, 40)))
    staff = matte(np.minimum(4 - np.abs(X - Y) / 2, box(4, 92, 4, 92)))
    arms, *others = (inflate(trace_outline(alpha), spacing=0.02).middle for alpha in (cross, DISC, RING, staff))
    assert arms is not None
    for middle in others:
        assert middle is not None
        assert np.abs(middle).max() < 1e-6
    assert arms[4, 0] < -0.1 < -0.001 < arms[len(arms) // 2, 0]


def test_thickness_multiplies_depth() -> None:
    outline = trace_outline(STAR)
    one, two = (half_depth(inflate(outline, spacing=0.02, thickness=t)) for t in (1.0, 2.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)


def test_a_turned_disc_is_a_sphere() -> None:
    mesh = to_mesh(lathe(trace_outline(DISC), spacing=0.01))
    radius = np.linalg.norm(mesh.positions - np.array([0, 0.5, 0], np.float32), axis=1)
    np.testing.assert_allclose(radius, 0.5, atol=0.012)


def test_a_turned_mug_is_a_cylinder_with_one_handle() -> None:
    outline = trace_outline(MUG)
    solid = lathe(outline, spacing=0.012)
    mesh = to_mesh(solid)
    assert euler(mesh) == 0
    middle = (40 - outline.frame.middle) / 60
    wall = mesh.positions[(np.abs(mesh.positions[:, 1] - 0.5) < 0.2) & (mesh.positions[:, 0] < middle)]
    np.testing.assert_allclose(np.hypot(wall[:, 0] - middle, wall[:, 2]), 20 / 60, atol=0.015)


def test_the_axis_of_a_shifted_bottle_is_found() -> None:
    alpha = matte(np.maximum(box(30, 70, 40, 90), box(44, 56, 5, 50)))
    axis = find_axis(trace_outline(alpha).sample(0.01))
    assert axis.x == pytest.approx(0, abs=0.006)
    assert axis.symmetry > 0.99


def test_a_plate_is_flat_and_its_bevel_can_be_wider() -> None:
    outline = trace_outline(DISC)
    narrow, wide = (half_depth(extrude(outline, spacing=0.01, bevel=bevel)) for bevel in (0.5, 3.0))
    assert (narrow == narrow.max()).sum() > (wide == wide.max()).sum() > 0
    assert narrow.max() == pytest.approx(wide.max())


def test_a_curved_plate_leans_back_at_its_sides_only() -> None:
    mesh = to_mesh(extrude(trace_outline(DISC), spacing=0.01, curved=True))
    x, z = mesh.positions[:, 0], mesh.positions[:, 2]
    assert z[np.abs(x) > 0.45].mean() < z[np.abs(x) < 0.05].mean() - 0.03


@pytest.mark.parametrize("triangles", [20_000, 60_000])
@pytest.mark.parametrize("method", [inflate, extrude])
def test_spacing_gives_the_triangles_asked_for(method: Callable[..., Solid], triangles: int) -> None:
    outline = trace_outline(STAR)
    spacing = spacing_for(method(outline, spacing=1 / 110), triangles=triangles)
    assert to_mesh(method(outline, spacing=spacing)).triangle_count == pytest.approx(triangles, rel=0.05)


def test_separate_parts_stay_closed_and_separate() -> None:
    alpha = np.maximum(matte(12 - np.hypot(X - 20, Y - 48)), matte(12 - np.hypot(X - 70, Y - 48)))
    mesh = to_mesh(inflate(trace_outline(alpha), spacing=0.03))
    assert (components(mesh), euler(mesh)) == (2, 4)
