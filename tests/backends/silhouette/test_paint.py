from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh, Picture
from kiln.backends.silhouette.backplate import plain_back
from kiln.backends.silhouette.frame import PictureFrame, PlacedView
from kiln.backends.silhouette.paint import paint
from kiln.backends.silhouette.register import outline_shift
from kiln.backends.silhouette.rim import extend
from kiln.backends.silhouette.skin import Skin
from kiln.backends.silhouette.walk import walked_places
from kiln.geometry.normals import smooth_normals
from kiln.imaging.sample import sample_bilinear
from kiln.imaging.spread import spread
from shapes import sphere

SIZE = 200
RADIUS = 80
TOWARDS = np.float32([0, 0, 1])
RED, GREEN, BLUE = (200, 30, 30), (30, 160, 40), (20, 40, 220)


def disc(color: tuple[int, int, int] = GREEN, *, outside: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    """A disc of one colour on a background whose colour must never be seen."""
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    pixels[...] = (*outside, 0)
    pixels[distance() < RADIUS] = (*color, 255)
    return pixels


def distance() -> np.ndarray:
    at = np.arange(SIZE) + 0.5 - SIZE / 2
    return np.hypot(at[:, None], at[None, :])


def view_of(pixels: np.ndarray, azimuth: float = 0.0) -> PlacedView:
    picture = Picture(pixels=pixels, name="disc", has_matte=True)
    return PlacedView(picture=picture, azimuth_degrees=azimuth, frame=PictureFrame.of_matte(picture.alpha))


def ball(rings: int = 64) -> Mesh:
    """A ball 1 m tall, standing on y = 0."""
    return sphere(rings, 2 * rings, 0.5).moved(offset=np.float32([0, 0.5, 0]))


def blended(mesh: Mesh) -> np.ndarray:
    """The colour of each vertex: the weighted mean of its projections."""
    total = sum(sample_bilinear(p.pixels, p.uvs)[:, :3] * p.weights[:, None] for p in mesh.projections)
    return total / sum(p.weights for p in mesh.projections)[:, None]


def test_front_is_the_picture() -> None:
    pixels = disc()
    pixels[60:100, 60:140, :3] = BLUE
    pixels[100:140, 60:100, :3] = RED
    view = view_of(pixels)
    mesh = paint(ball(), (view,))
    faces = mesh.positions[:, 2] > 0.35
    exact = sample_bilinear(pixels, view.project(mesh.positions))[:, :3]
    assert np.abs(blended(mesh) - exact)[faces].max() < 1.5
    assert mesh.seen is not None
    assert mesh.seen[faces].min() == 1


def test_background_never_leaks() -> None:
    mesh = paint(ball(), (view_of(disc(outside=(255, 0, 255))),))
    assert np.abs(blended(mesh) - GREEN).max() < 6
    assert mesh.colors is not None
    assert np.abs(mesh.colors[:, :3].astype(int) - GREEN).max() < 6


def test_rim_light_stays_off_the_sides_and_the_back() -> None:
    pixels = disc()
    pixels[(distance() < RADIUS) & (distance() > RADIUS - 1.5)] = (255, 255, 255, 255)
    mesh = paint(ball(), (view_of(pixels),))
    assert np.abs(blended(mesh) - GREEN)[mesh.positions[:, 2] < 0.15].max() < 20


def test_sides_are_not_streaked() -> None:
    """Rings around the view's axis keep about their width on the side; straight projection would widen them without bound."""
    pixels = disc()
    gray = (128 + 100 * np.cos(distance() / RADIUS * 40)).astype(np.uint8)
    pixels[..., :3] = gray[..., None]
    view, mesh = view_of(pixels), ball(96)
    skin = Skin.of(mesh)
    places, walked = walked_places(skin, view, smooth_normals(mesh), TOWARDS)
    side = np.abs(mesh.positions[:, 2]) < 0.1
    first, second = skin.edges.tocoo().row, skin.edges.tocoo().col
    along = side[first] & side[second] & (np.abs(mesh.positions[first, 2] - mesh.positions[second, 2]) > 1e-3)
    moved = np.linalg.norm((places[first] - places[second])[:, :2], axis=1)
    length = np.linalg.norm(mesh.positions[first] - mesh.positions[second], axis=1)
    assert np.median((moved / length)[along]) > 0.5
    assert walked[mesh.positions[:, 2] > 0.3].max() == 0


def test_walk_stays_inside_the_subject() -> None:
    view, mesh = view_of(disc()), ball()
    places, _ = walked_places(Skin.of(mesh), view, smooth_normals(mesh), TOWARDS)
    assert np.hypot(places[:, 0], places[:, 1] - 0.5).max() < 0.505


def test_side_is_one_strip_and_not_a_strip_and_its_mirror_image() -> None:
    """From front to back the place moves inward all the way; walks from both sheets would turn round at the rim."""
    view, mesh = view_of(disc()), ball(96)
    places, _ = walked_places(Skin.of(mesh), view, smooth_normals(mesh), TOWARDS)
    x, y, z = mesh.positions.T
    equator = (np.abs(y - 0.5) < 0.01) & (x > 0) & (np.abs(z) < 0.2)
    order = np.argsort(-z[equator])
    along = places[equator][order, 0]
    early, middle, late = (part.mean() for part in np.array_split(along[len(along) // 4 :], 3))
    assert early > middle > late


def test_seen_falls_from_front_to_back_without_a_step() -> None:
    mesh = paint(ball(), (view_of(disc()),))
    assert mesh.seen is not None
    z = mesh.positions[:, 2]
    assert mesh.seen[z > 0.3].min() == 1
    assert mesh.seen[z < -0.1].max() == 0
    edges = Skin.of(mesh).edges.tocoo()
    assert np.abs(mesh.seen[edges.row] - mesh.seen[edges.col]).max() < 0.25


def test_a_face_is_not_mirrored_onto_the_back_of_the_head() -> None:
    pixels = disc()
    for x in (75, 125):
        pixels[70:95, x - 10 : x + 10, :3] = (250, 250, 250)
        pixels[78:90, x - 5 : x + 5, :3] = (10, 10, 10)
    plain = blended(paint(ball(), (view_of(pixels),), back="plain"))
    mirror = blended(paint(ball(), (view_of(pixels),), back="mirror"))
    back = ball().positions[:, 2] < -0.3
    assert np.abs(plain - GREEN)[back].max() < 25
    assert np.abs(mirror - GREEN)[back].max() > 150


def test_bands_that_reach_the_outline_go_around() -> None:
    pixels = disc()
    pixels[90:120, :, :3] = RED
    back = plain_back(pixels)
    assert back.dissolved == pytest.approx(0, abs=0.01)
    assert np.abs(back.pixels[105, 60:140, :3].astype(int) - RED).max() < 8


def test_panels_all_over_are_kept() -> None:
    """A crate: what is enclosed is most of it, so the far side has it too."""
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    pixels[20:180, 20:180] = (*BLUE, 255)
    pixels[30:170, 30:170, :3] = (230, 180, 60)
    back = plain_back(pixels)
    assert back.dissolved == 0
    assert np.abs(back.pixels[100, 100, :3].astype(int) - (230, 180, 60)).max() < 3


def test_two_views_meet_without_a_seam() -> None:
    front, left = view_of(disc(GREEN)), view_of(disc(BLUE), 90.0)
    mesh = paint(ball(), (front, left))
    colors = blended(mesh)
    z, x = mesh.positions[:, 2], mesh.positions[:, 0]
    assert np.abs(colors - GREEN)[z > 0.45].max() < 6
    assert np.abs(colors - BLUE)[x > 0.48].max() < 6
    edges = Skin.of(mesh).edges.tocoo()
    belt = np.abs(mesh.positions[edges.row, 1] - 0.5) < 0.4  # all sides meet in the poles
    assert np.abs(colors[edges.row] - colors[edges.col])[belt].max() < 40


def test_what_a_view_does_not_see_takes_its_neighbours_colour() -> None:
    """Two balls one behind the other: the one behind is not painted with the picture of the one in front."""
    near, far = ball(24), ball(24).moved(scale=0.8, offset=np.float32([0, 0.1, -1.5]))
    both = Mesh(
        positions=np.concatenate([near.positions, far.positions]),
        triangles=np.concatenate([near.triangles, far.triangles + np.uint32(near.vertex_count)]),
    )
    mesh = paint(both, (view_of(disc()),))
    hidden = (mesh.positions[:, 2] < -0.8) & (mesh.positions[:, 2] > -1.2)
    assert mesh.seen is not None
    assert mesh.seen[hidden].max() < 0.05


def test_painting_is_deterministic() -> None:
    first, second = (paint(ball(24), (view_of(disc()),)) for _ in range(2))
    for a, b in zip(first.projections, second.projections, strict=True):
        assert np.array_equal(a.weights, b.weights)
        assert np.array_equal(a.uvs, b.uvs)
        assert np.array_equal(a.pixels, b.pixels)


def test_spread_keeps_what_is_known_and_fills_the_rest() -> None:
    colors, known = np.zeros((32, 48, 3), np.float32), np.zeros((32, 48), np.float32)
    colors[8:24, 8:16], known[8:24, 8:16] = 0.25, 1
    filled = spread(colors, known)
    assert np.allclose(filled[8:24, 8:16], 0.25)
    assert np.allclose(filled, 0.25, atol=1e-5)
    assert np.isfinite(spread(colors, np.zeros_like(known))).all()


def test_extended_picture_is_opaque_and_exact_inside() -> None:
    pixels = disc(RED)
    out = extend(pixels)
    assert out[..., 3].min() == 255
    assert np.array_equal(out[100, 100], pixels[100, 100])
    assert np.abs(out[..., :3].astype(int) - RED).max() <= 2


def test_whiskers_keep_their_colour() -> None:
    """A wire four pixels thick is all rim; its colour still comes from itself and not from the body it is fixed to."""
    pixels = disc(RED)
    pixels[2:30, 98:102] = (*BLUE, 255)
    for out in (extend(pixels), plain_back(pixels).pixels):
        assert np.abs(out[5:15, 99:101, :3].astype(int) - BLUE).max() < 20


def test_a_ring_has_no_face() -> None:
    pixels = disc()
    pixels[distance() < 40] = (255, 255, 255, 0)
    pixels[20:50, 90:110, :3] = (250, 250, 250)
    assert plain_back(pixels).dissolved == 0


def test_layers_go_around() -> None:
    """A skewer: what marks a layer has is alike all round, so nothing is a feature."""
    pixels = disc()
    for row, color in zip(range(20, 180, 40), (RED, GREEN, BLUE, RED), strict=True):
        pixels[row : row + 40, :, :3] = color
    pixels[90:98, 92:108, :3] = (10, 10, 10)
    assert plain_back(pixels).dissolved == 0


def test_outline_shift_moves_one_outline_onto_the_other() -> None:
    body, subject = np.zeros((2, 120, 120), bool)
    body[20:100, 40:80] = True
    subject[20:100, 44:84] = True
    shift = outline_shift(body, subject)
    assert np.abs(shift[40:80, 45:75, 0] - 4).max() < 0.6
    assert np.abs(shift[40:80, 45:75, 1]).max() < 0.6


def test_distances_on_the_skin() -> None:
    mesh = ball(48)
    top = mesh.positions[:, 1] > 0.999
    distance, source = Skin.of(mesh).nearest(top)
    bottom = int(mesh.positions[:, 1].argmin())
    assert distance[top].max() == 0
    assert distance[bottom] == pytest.approx(np.pi / 2, rel=0.02)
    assert top[source].all()
