from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh, Projection
from kiln.geometry.normals import smooth_normals
from kiln.geometry.rasterize import rasterize
from kiln.render.camera import Camera
from kiln.render.studio import Studio
from kiln.render.view import light, prepare, render_view, shoot
from shapes import cube, mesh, sphere

MATT = Material(roughness_factor=1.0, metallic_factor=0.0, double_sided=True)


def quad(*, uvs: object = ((0, 1), (1, 1), (1, 0), (0, 0)), **attributes: object) -> Mesh:
    """Two by two metres in the plane z = 0, facing +Z; UV (0, 0) is its upper left corner as seen from the front."""
    return mesh(
        [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)],
        [(0, 1, 2), (0, 2, 3)],
        normals=np.tile(np.float32([0, 0, 1]), (4, 1)),
        tangents=np.tile(np.float32([1, 0, 0, 1]), (4, 1)),
        uvs=np.array(uvs, np.float32),
        **attributes,
    )


def picture(
    mesh: Mesh, material: Material | None = None, *, azimuth: float = 0, half_height: float = 1.0, size: int = 8, samples: int = 2
) -> np.ndarray:
    camera = Camera(azimuth_degrees=float(azimuth), half_height=half_height)
    return render_view(mesh, material, camera=camera, width=size, height=size, samples=samples)


def textured(pixels: object) -> Material:
    color = np.array(pixels, np.uint8)
    return replace(MATT, base_color=np.dstack([color, np.full(color.shape[:2], 255, np.uint8)]))


def test_a_white_plane_that_faces_the_camera_is_bright_neutral_and_not_blown_out() -> None:
    shown = picture(quad(), MATT)
    assert (shown[..., 3] == 255).all()
    assert shown[..., :3].min() >= 225 and shown[..., :3].max() <= 252
    assert np.ptp(shown[..., :3].astype(int), axis=2).max() <= 8


def test_a_mid_grey_keeps_its_brightness() -> None:
    shown = picture(quad(), textured(np.full((4, 4, 3), 128)))
    assert abs(int(shown[..., :3].mean()) - 128) <= 12


def test_light_falls_from_above_and_from_the_left_of_the_picture() -> None:
    ball = sphere(24, 48)
    shown = picture(replace(ball, normals=smooth_normals(ball)), MATT, size=32, half_height=1.05)[..., :3].astype(int).sum(axis=2)
    assert shown[6, 16] > shown[26, 16]
    assert shown[16, 6] > shown[16, 26]


def test_the_front_view_shows_the_front_and_the_left_view_the_subjects_left_side() -> None:
    names = {(0, 0, 1): (255, 0, 0), (1, 0, 0): (0, 255, 0), (0, 0, -1): (0, 0, 255), (-1, 0, 0): (255, 255, 0)}
    box = cube()
    corners = box.positions[box.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).round().astype(int)
    colors = np.array([(*names.get(tuple(face), (9, 9, 9)), 255) for face in faces.tolist()], np.uint8)
    apart = mesh(corners.reshape(-1, 3), np.arange(36).reshape(12, 3), colors=np.repeat(colors, 3, axis=0))
    for azimuth, expected in ((0, (1, 0, 0)), (90, (0, 1, 0)), (180, (0, 0, 1)), (270, (1, 1, 0))):
        middle = picture(apart, azimuth=azimuth)[4, 4, :3]
        assert tuple((middle > 80).astype(int)) == expected


def test_a_projected_picture_is_shown_where_it_counts_and_vertex_colours_elsewhere() -> None:
    green = Projection(
        pixels=np.full((4, 4, 4), (0, 255, 0, 255), np.uint8), uvs=np.full((4, 2), 0.5, np.float32), weights=np.float32([1, 0, 0, 1])
    )
    red = np.tile(np.uint8([255, 0, 0, 255]), (4, 1))
    shown = picture(quad(colors=red, projections=(green,)), MATT)[..., :3].argmax(axis=2)
    assert shown[4, 0] == 1 and shown[4, 7] == 0


def test_a_texture_lies_upright_and_not_mirrored() -> None:
    red, green, blue, grey = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)
    pixels = np.kron(np.array([[red, green], [blue, grey]]), np.ones((8, 8, 1)))
    shown = picture(quad(), textured(pixels), size=16)[..., :3].argmax(axis=2)
    assert shown[3, 3] == 0 and shown[3, 12] == 1 and shown[12, 3] == 2


def test_the_silhouette_equals_the_rasterized_coverage() -> None:
    ball, camera = sphere(), Camera(azimuth_degrees=20.0, elevation_degrees=10.0, half_height=1.3, distance=6.0)
    points, depth, _ = camera.project(ball.positions, width=40, height=40)
    covered = rasterize(points, ball.triangles, width=40, height=40, depth=depth).triangle >= 0
    shown = render_view(ball, MATT, camera=camera, width=40, height=40, samples=1)
    np.testing.assert_array_equal(shown[..., 3] == 255, covered)
    assert set(np.unique(shown[..., 3])) == {0, 255}


def test_supersampling_gives_edges_the_share_that_is_covered() -> None:
    alpha = picture(quad(), MATT, half_height=8 / 7, samples=4)[..., 3].astype(float) / 255
    assert alpha.sum() / alpha.size == pytest.approx((7 / 8) ** 2, abs=1e-3)
    assert alpha[0, 4] == pytest.approx(0.5, abs=0.01)


def test_back_faces_show_only_where_the_material_is_double_sided() -> None:
    single = replace(MATT, double_sided=False)
    assert (picture(quad(), single)[..., 3] == 255).all()
    assert (picture(quad(), single, azimuth=180)[..., 3] == 0).all()
    np.testing.assert_array_equal(picture(quad(), MATT, azimuth=180)[..., 3], 255)


def test_a_back_face_is_lit_like_a_front_face() -> None:
    shown, expected = (picture(quad(), MATT, azimuth=azimuth).astype(int) for azimuth in (180, 0))
    np.testing.assert_allclose(shown, expected, atol=1)  # texel 128 is a hair off the axis


def test_a_normal_map_turns_the_light() -> None:
    def brightness(texel: tuple[int, int, int]) -> float:
        return float(picture(quad(), replace(MATT, normal=np.full((4, 4, 3), texel, np.uint8)))[..., :3].mean())

    flat = brightness((128, 128, 255))
    assert brightness((60, 128, 238)) > flat - 1 > brightness((196, 128, 238))  # -x is left, where the key light stands
    assert brightness((128, 196, 238)) > brightness((128, 60, 238))  # +y is up


def test_a_normal_map_bends_towards_the_tangent_the_mesh_names() -> None:
    tilted = replace(MATT, normal=np.full((4, 4, 3), (60, 128, 238), np.uint8))
    turned = replace(quad(), tangents=np.tile(np.float32([-1, 0, 0, 1]), (4, 1)))
    assert picture(turned, tilted)[..., :3].mean() < picture(quad(), tilted)[..., :3].mean() - 5


def test_tangents_are_made_where_a_normal_map_needs_them() -> None:
    tilted = replace(MATT, normal=np.full((4, 4, 3), (60, 128, 238), np.uint8))
    np.testing.assert_array_equal(picture(replace(quad(), tangents=None), tilted), picture(quad(), tilted))


def test_occlusion_darkens_what_the_dome_lights_and_nothing_else() -> None:
    open_, closed = (replace(MATT, orm=np.full((4, 4, 3), (o, 255, 0), np.uint8)) for o in (255, 0))
    assert picture(quad(), closed)[4, 4, 0] < picture(quad(), open_)[4, 4, 0] - 20
    no_lamps = Studio(lamps=np.zeros((0, 8)))
    subject = prepare(quad(), closed)
    assert light(subject, shoot(subject, Camera(), width=4, height=4), studio=no_lamps)[..., :3].max() == 0


def test_metal_takes_its_colour_from_what_it_mirrors_times_its_own() -> None:
    gold = replace(MATT, base_color_factor=(1.0, 0.7, 0.3, 1.0), metallic_factor=1.0, roughness_factor=0.4)
    red, green, blue = picture(quad(), gold)[4, 4, :3].astype(int)
    assert red > green > blue and red > 90


def test_emissive_shines_in_the_dark() -> None:
    glowing = replace(MATT, base_color_factor=(0.0, 0.0, 0.0, 1.0), emissive_factor=(0.0, 0.5, 0.0))
    subject = prepare(quad(), glowing)
    dark = Studio(lamps=np.zeros((0, 8)), dome=np.zeros((2, 3)))
    shown = light(subject, shoot(subject, Camera(), width=4, height=4), studio=dark)
    np.testing.assert_allclose(shown[2, 2], (0, 0.5, 0, 1), atol=1e-6)


def test_masked_texels_are_cut_out_and_blended_ones_are_thin() -> None:
    color = np.full((8, 8, 4), 255, np.uint8)
    color[:, :4, 3] = 100
    masked = picture(quad(), replace(MATT, base_color=color, alpha_mode="MASK"))[..., 3]
    assert (masked[:, 1] == 0).all() and (masked[:, 6] == 255).all()
    blended = picture(quad(), replace(MATT, base_color=color, alpha_mode="BLEND"))[..., 3]
    assert abs(int(blended[4, 1]) - 100) <= 2
    assert (picture(quad(), replace(MATT, base_color=color))[..., 3] == 255).all()


def test_each_triangle_wears_its_own_material() -> None:
    red, green = (replace(MATT, base_color_factor=factor) for factor in ((0.8, 0.0, 0.0, 1.0), (0.0, 0.8, 0.0, 1.0)))
    shown = render_view(quad(material_ids=np.array([0, 1], np.uint32)), (red, green), camera=Camera(), width=8, height=8)
    assert shown[6, 6, 0] > 100 > shown[6, 6, 1]
    assert shown[1, 1, 1] > 100 > shown[1, 1, 0]


def test_a_fine_checker_seen_from_afar_is_its_mean_and_does_not_shimmer() -> None:
    checker = (np.indices((256, 256)).sum(axis=0) % 2 * 255)[..., None].repeat(3, axis=2)
    shown = picture(quad(), textured(checker))[..., :3].astype(int)
    assert np.ptp(shown) <= 6
    assert abs(shown.mean() - picture(quad(), textured(np.full((4, 4, 3), 188)))[..., :3].mean()) <= 6  # 188 encodes half of the light


def test_perspective_foreshortens_the_texture_and_not_only_the_outline() -> None:
    """On a floor seen at a slant, the texture's middle lies where the floor's middle does, above the middle of its outline's rows."""
    floor = replace(quad(), positions=np.array([(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)], np.float32))
    halves = np.zeros((64, 64, 3))
    halves[32:, :, 0] = 255  # the near half is red
    camera = Camera(elevation_degrees=30.0, half_height=1.2, distance=2.5)
    shown = render_view(floor, textured(halves), camera=camera, width=200, height=200)
    red = shown[:, 100, 0] > 100
    pixels, _, _ = camera.project(np.zeros((1, 3), np.float32), width=200, height=200)
    assert abs(np.flatnonzero(red).min() - pixels[0, 1]) <= 3


def test_the_number_of_threads_does_not_change_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    ball = sphere()
    pictures = []
    for threads in ("1", "3"):
        monkeypatch.setenv("KILN_THREADS", threads)
        pictures.append(picture(ball, MATT, size=200))
    np.testing.assert_array_equal(*pictures)
