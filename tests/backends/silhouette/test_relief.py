from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh, Picture
from kiln.backends.silhouette.frame import PictureFrame, PlacedView
from kiln.backends.silhouette.relief import add_relief, shading_relief
from kiln.geometry.normals import smooth_normals
from kiln.geometry.vectors import face_vectors
from shapes import sphere

SIZE = 256


def striped(*, hue: bool = False) -> PlacedView:
    """A disc with dark upright grooves, or with stripes that differ in hue and hardly in lightness."""
    at = np.arange(SIZE) + 0.5 - SIZE / 2
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    groove = np.abs((at + 12) % 24 - 12) < 2
    pixels[:, :, :3] = np.where(groove[None, :, None], (150, 90, 90) if hue else (60, 60, 60), (90, 117, 90) if hue else (150, 150, 150))
    pixels[np.hypot(at[:, None], at[None, :]) < 110, 3] = 255
    picture = Picture(pixels=pixels, name="striped", has_matte=True)
    return PlacedView(picture=picture, azimuth_degrees=0.0, frame=PictureFrame.of_matte(picture.alpha))


def ball() -> Mesh:
    return sphere(120, 240, 0.5).moved(offset=np.float32([0, 0.5, 0]))


def rise(view: PlacedView) -> np.ndarray:
    mesh = ball()
    return ((add_relief(mesh, (view,)).positions - mesh.positions) * smooth_normals(mesh)).sum(axis=1)


def test_strength_zero_is_the_mesh_itself() -> None:
    mesh = ball()
    assert add_relief(mesh, (striped(),), strength=0.0) is mesh


def test_dark_grooves_sink_in() -> None:
    mesh, up = ball(), rise(striped())
    column = mesh.positions[:, 0] * 220
    middle = (mesh.positions[:, 2] > 0.4) & (np.abs(mesh.positions[:, 1] - 0.5) < 0.2)
    groove = np.abs((column + 12) % 24 - 12)
    assert up[middle & (groove < 1)].max() < 0
    assert up[middle & (groove < 1)].mean() < up[middle & (groove > 6)].mean() - 1e-3


def test_paint_moves_less_than_shading() -> None:
    assert np.abs(rise(striped(hue=True))).max() < 0.4 * np.abs(rise(striped())).max()


def test_outline_and_back_stay() -> None:
    mesh = ball()
    up = rise(striped())
    assert np.abs(up[mesh.positions[:, 2] < 0.17]).max() < 1e-6


def test_closed_stays_closed_and_nothing_turns_over() -> None:
    mesh = ball()
    moved = add_relief(mesh, (striped(),), strength=1.0)
    assert np.array_equal(moved.triangles, mesh.triangles)
    before, after = face_vectors(mesh), face_vectors(moved)
    cosine = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert cosine.min() > 0.3
    assert np.abs(moved.positions - mesh.positions).max() < 0.01


def test_relief_grows_with_strength() -> None:
    mesh, view = ball(), striped()
    once, twice = (np.abs(add_relief(mesh, (view,), strength=s).positions - mesh.positions).max() for s in (1.0, 2.0))
    assert twice == pytest.approx(2 * once, rel=0.02)


def test_a_flat_colour_has_no_relief() -> None:
    assert np.abs(shading_relief(np.full((64, 64, 4), 120, np.uint8), pixels_per_height=64.0)).max() < 1e-3


def test_normals_follow() -> None:
    mesh = ball()
    with_normals = Mesh(positions=mesh.positions, triangles=mesh.triangles, normals=smooth_normals(mesh))
    moved = add_relief(with_normals, (striped(),))
    assert moved.normals is not None
    assert np.allclose(moved.normals, smooth_normals(moved), atol=1e-5)
