from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material
from kiln.geometry.normals import smooth_normals
from kiln.proof.canvas import PAPER, Canvas
from kiln.proof.preview import Tile, Views, contact_sheet, map_tiles, maps_sheet, photograph
from shapes import cube, sphere

SIZE = 64


@pytest.fixture(scope="module")
def views() -> Views:
    """A ball whose +X half is green and the rest red, with everything that a sheet can show."""
    ball = sphere(8, 16)
    colors = np.where(ball.positions[:, :1] > 0.01, np.uint8([0, 200, 0, 255]), np.uint8([200, 0, 0, 255])).astype(np.uint8)
    return photograph(
        replace(ball, normals=smooth_normals(ball), colors=colors),
        None,
        name="ball",
        lods=(sphere(4, 8),),
        hulls=(cube(), cube(0.5)),
        size=SIZE,
    )


def middle(tile: Tile) -> tuple[int, ...]:
    height, width = tile.pixels.shape[:2]
    return tuple(int(v) for v in tile.pixels[height // 2, width // 2])


def test_eight_sides_in_order_with_the_subjects_left_third(views: Views) -> None:
    assert [tile.caption for tile in views.around] == [
        "Front",
        "Front left",
        "Left",
        "Back left",
        "Back",
        "Back right",
        "Right",
        "Front right",
    ]
    left, right = middle(views.around[2]), middle(views.around[6])
    assert left[1] > left[0] + 50 and right[0] > right[1] + 50


def test_lods_and_hulls_have_pictures_with_their_numbers(views: Views) -> None:
    assert [tile.caption for tile in views.coarser] == ["LOD0, 224 triangles", "LOD1, 48 triangles", "Collision, 2 convex hulls"]
    assert len(views.details) == 4


def test_without_lods_the_wireframe_is_among_the_details() -> None:
    plain = photograph(cube(), None, size=SIZE)
    assert plain.coarser == ()
    assert [tile.caption for tile in plain.details] == [
        "Surface without colour",
        "Wireframe, 12 triangles",
        "From behind, above",
        "From below",
    ]


def test_the_picture_without_colour_has_none(views: Views) -> None:
    assert np.ptp(np.array(middle(views.details[0]))) < 15


def test_guessed_texels_are_shown_in_orange() -> None:
    ball = sphere(8, 16)
    uvs = np.tile(np.float32([0.5, 0.5]), (ball.vertex_count, 1))
    material = Material(base_color=np.full((8, 8, 4), 128, np.uint8), guessed=np.full((8, 8), 255, np.uint8))
    shown = next(tile for tile in photograph(replace(ball, uvs=uvs), material, size=SIZE).details if "no picture" in tile.caption)
    red, green, blue = middle(shown)
    assert red > green + 25 > blue + 50


def test_the_sheet_holds_every_tile(views: Views) -> None:
    sheet = contact_sheet(views, title="ball", facts=["224 triangles"])
    assert sheet.dtype == np.uint8
    assert sheet.shape == (132 + 5 * (SIZE + 12) - 12 + 48, 2 * 48 + 4 * (SIZE + 12) - 12, 3)
    assert contact_sheet(replace(views, coarser=()), title="ball").shape[0] == sheet.shape[0] - SIZE - 12
    x, y = 48 + 2 * (SIZE + 12) + SIZE // 2, 132 + 2 * (SIZE + 12) + SIZE // 2  # the middle of the third picture of the turntable
    assert tuple(int(v) for v in sheet[y, x]) == middle(views.around[2])


def test_the_maps_are_shown_one_by_one() -> None:
    orm = np.zeros((16, 16, 3), np.uint8)
    orm[..., 0], orm[..., 1], orm[..., 2] = 255, 128, 10
    material = Material(
        base_color=np.full((16, 32, 4), (10, 200, 30, 255), np.uint8),
        normal=np.full((16, 16, 3), (128, 128, 255), np.uint8),
        orm=orm,
        emissive=np.zeros((4, 4, 3), np.uint8),
        guessed=np.repeat(np.uint8([[0], [255]]), 2, axis=1),
    )
    flat = replace(cube(), uvs=np.random.default_rng(0).random((8, 2), np.float32))
    tiles = {tile.caption: tile for tile in map_tiles(material, flat)}
    assert list(tiles) == [
        "Base colour, 32 × 16, sRGB",
        "Normal, 16 × 16, OpenGL +Y",
        "Occlusion (R), 16 × 16",
        "Roughness (G), 16 × 16",
        "Metallic (B), 16 × 16",
        "Emissive, 4 × 4, sRGB",
        "Guessed (white), 50%",
        "UV layout",
    ]
    assert [middle(tile)[0] for tile in list(tiles.values())[:5]] == [10, 128, 255, 128, 10]
    assert np.ptp(tiles["UV layout"].pixels) > 100
    sheet = maps_sheet(list(tiles.values()))
    assert sheet.shape[0] < sheet.shape[1] == 1812
    assert maps_sheet([]).size > 0


def test_tiles_have_round_corners_and_captions() -> None:
    canvas = Canvas(200, 120)
    canvas.tile(np.zeros((80, 120, 3), np.uint8), at=(20, 20), caption="Left")
    assert tuple(canvas.pixels[20, 20]) == PAPER
    assert tuple(canvas.pixels[60, 130]) == (0, 0, 0)
    assert canvas.pixels[75:100, 30:90].max() > 90


def test_further_maps_are_shown_and_what_delight_took_is_put_back() -> None:
    color = np.full((16, 16, 4), (100, 100, 100, 255), np.uint8)
    extras = {"baked_light": np.full((16, 16), 64, np.uint8), "normal_16": np.full((16, 16, 3), 0x8040, np.uint16)}
    tiles = {tile.caption: tile.pixels for tile in map_tiles(Material(base_color=color, extras=extras), cube())}
    assert tiles["Normal 16, 16 × 16"][0, 0].tolist() == [128, 128, 128]
    assert tiles["Baked light, 16 × 16"][0, 0].tolist() == [64, 64, 64]
    assert tiles["Base colour before its light was removed"][0, 0, 0] == 71  # half of level 100's light
