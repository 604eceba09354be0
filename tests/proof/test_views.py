from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh
from kiln.geometry.normals import smooth_normals
from kiln.proof.reference import Reference
from kiln.proof.views import DIRECTIONS, cameras, compare_views, view_errors
from shapes import cube, sphere

SIZE = 48


def ball(**attributes: object) -> Mesh:
    found = sphere(24, 48)
    return replace(found, normals=smooth_normals(found), **attributes)


def painted(level: int, mesh: Mesh | None = None) -> Mesh:
    mesh = mesh or ball()
    return replace(mesh, colors=np.full((mesh.vertex_count, 4), (level, level, level, 255), np.uint8))


def test_cameras_stand_at_the_faces_and_corners_of_a_cube_and_show_both_meshes_whole() -> None:
    assert len(set(DIRECTIONS)) == 14
    for camera in cameras(cube(), cube(2.0)):
        points, _, _ = camera.project(cube(2.0).positions, width=SIZE, height=SIZE)
        assert points.min() > 0 and points.max() < SIZE
    towards = np.array([camera.axes[2] for camera in cameras(cube(), cube())])
    assert np.allclose(np.abs(towards[6:]), 3**-0.5)
    assert np.allclose(np.abs(towards).sum(axis=0)[[0, 2]], 2 + 8 * 3**-0.5)


def test_a_mesh_seen_beside_itself_has_no_error() -> None:
    mesh = painted(120)
    found = view_errors(compare_views(mesh, (), Reference(mesh), size=SIZE))
    assert (found.silhouette_iou, found.silhouette_iou_mean, found.color_psnr_db) == (1, 1, 99)
    assert found.view_normal_error_mean_degrees == pytest.approx(0, abs=1e-3)


def test_psnr_is_that_of_the_difference_in_encoded_levels() -> None:
    found = view_errors(compare_views(painted(110), (), Reference(painted(120)), size=SIZE))
    assert found.color_psnr_db == pytest.approx(20 * np.log10(255 / 10), abs=0.01)


def test_psnr_is_of_the_mean_error_over_all_views_not_the_mean_of_decibels() -> None:
    half = ball()
    colors = np.where(half.positions[:, :1] > 0, np.uint8([160, 160, 160, 255]), np.uint8([120, 120, 120, 255])).astype(np.uint8)
    found = view_errors(compare_views(replace(half, colors=colors), (), Reference(painted(120)), size=SIZE))
    assert found.color_psnr_db == pytest.approx(10 * np.log10(255**2 / (40**2 / 2)), abs=0.4)


def test_colour_on_textures_of_both_is_compared_as_seen() -> None:
    uvs = np.full((ball().vertex_count, 2), 0.5, np.float32)
    texture = Material(base_color=np.full((4, 4, 4), (200, 100, 50, 255), np.uint8), metallic_factor=0.0)
    found = view_errors(compare_views(ball(uvs=uvs), (texture,), Reference(ball(uvs=uvs), (texture,)), size=SIZE))
    assert found.color_psnr_db == 99


def test_tilted_normals_are_measured_in_degrees() -> None:
    source = ball()
    turn = np.radians(7)
    matrix = np.float32([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    found = view_errors(compare_views(replace(source, normals=source.normals @ matrix.T), (), Reference(source), size=SIZE))
    assert 4 < found.view_normal_error_mean_degrees < 7  # 7 at the equator of the turn, 0 at its poles
    assert found.view_normal_error_p95_degrees == pytest.approx(7, abs=0.1)


def test_an_inside_out_source_is_seen_like_any_two_sided_surface() -> None:
    mesh = ball()
    turned = replace(mesh, triangles=mesh.triangles[:, ::-1], normals=-mesh.normals)
    found = view_errors(compare_views(mesh, (), Reference(turned), size=SIZE))
    assert found.view_normal_error_mean_degrees == pytest.approx(0, abs=1e-3)


def test_a_missing_limb_shows_in_the_worst_outline() -> None:
    limb = sphere(8, 16, 0.3).moved(offset=np.float32([0, 1.3, 0]))
    whole = ball()
    both = Mesh(
        positions=np.concatenate([whole.positions, limb.positions]),
        triangles=np.concatenate([whole.triangles, limb.triangles + np.uint32(whole.vertex_count)]),
    )
    found = view_errors(compare_views(whole, (), Reference(both), size=SIZE))
    assert found.silhouette_iou < 0.95 < found.silhouette_iou_mean + 0.03


def test_guessed_and_changed_colours_are_not_compared() -> None:
    source = painted(120)
    unseen = replace(source, seen=np.zeros(source.vertex_count, np.float32))
    assert view_errors(compare_views(painted(20), (), Reference(unseen), size=SIZE)).color_psnr_db is None
    half = replace(source, seen=(source.positions[:, 2] > -0.1).astype(np.float32))
    rear = np.where(source.positions[:, 2:] > -0.3, np.uint8([120, 120, 120, 255]), np.uint8([9, 9, 9, 255])).astype(np.uint8)
    assert view_errors(compare_views(replace(source, colors=rear), (), Reference(half), size=SIZE)).color_psnr_db == 99
    assert view_errors(compare_views(painted(20), (), Reference(source), size=SIZE), colored=False).color_psnr_db is None


def test_looking_twice_and_with_one_thread_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference(painted(90))
    first = view_errors(compare_views(painted(100), (), reference, size=SIZE))
    monkeypatch.setenv("KILN_THREADS", "1")
    assert view_errors(compare_views(painted(100), (), reference, size=SIZE)) == first
