from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from kiln.proof.evidence import evidence_sheet, evidence_tiles
from kiln.proof.lod_pairs import lod_pairs
from kiln.proof.measure import Evidence, measure_mesh
from kiln.proof.preview import Tile
from kiln.proof.reference import Reference
from kiln.render.view import prepare
from shapes import cube, sphere


def unwrapped() -> Mesh:
    ball = sphere(8, 16)
    x, y, z = ball.positions.T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, np.arccos(np.clip(y, -1, 1)) / np.pi], 1).astype(np.float32)
    return add_tangents(replace(ball, uvs=uvs, normals=smooth_normals(ball)))


MATERIAL = Material(base_color=np.full((64, 64, 4), (180, 90, 60, 255), np.uint8), normal=np.full((64, 64, 3), (128, 128, 255), np.uint8))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    colors = np.full((sphere().vertex_count, 4), (180, 90, 60, 255), np.uint8)
    return measure_mesh(unwrapped(), (MATERIAL,), reference=Reference(replace(sphere(), colors=colors)))


@pytest.fixture(scope="module")
def tiles(evidence: Evidence) -> tuple[Tile, ...]:
    return evidence_tiles(evidence)


def test_each_view_has_both_sides_and_both_errors_and_the_atlas_comes_last(tiles: tuple[Tile, ...]) -> None:
    captions = [tile.caption.split(",")[0] for tile in tiles]
    assert captions[:4] == ["Source", "Game mesh with its maps", "Error of normals", "Error of colour"]
    assert captions[-2:] == ["Normal map", "Base colour map"]
    assert len(tiles) in (2 * 4 + 2, 3 * 4 + 2)
    assert len({tile.pixels.shape for tile in tiles}) == 1


def test_equal_colours_show_as_no_error(tiles: tuple[Tile, ...]) -> None:
    source, game, _, color = tiles[:4]
    middle = (source.pixels.shape[0] // 2,) * 2
    assert np.abs(source.pixels[middle].astype(int) - game.pixels[middle]).max() < 12
    assert color.pixels[middle].max() < 110  # the dark end


def test_the_sheet_holds_all_tiles(tiles: tuple[Tile, ...]) -> None:
    side = tiles[0].pixels.shape[0]
    sheet = evidence_sheet(tiles, title="ball")
    assert sheet.shape[1] > 4 * side and sheet.shape[0] > -(-len(tiles) // 4) * side


def test_without_a_source_there_is_nothing_to_show() -> None:
    assert evidence_tiles(measure_mesh(cube())) == ()


def test_lods_are_drawn_as_large_as_where_they_take_over() -> None:
    subject = prepare(unwrapped(), MATERIAL)
    (large, small) = lod_pairs(subject, (unwrapped(), unwrapped()), {"lod1_unity_height": 0.1, "lod2_unity_height": 0.02})
    assert (large.caption, small.caption) == ("LOD0 and LOD1 at 108 px", "LOD0 and LOD2 at 22 px")
    widths = []
    for tile in (large, small):
        half = tile.pixels.shape[1] // 2
        assert np.array_equal(tile.pixels[:, :half], tile.pixels[:, half:])
        reddish = tile.pixels[:, :half].astype(int)
        widths.append((reddish[..., 0] - reddish[..., 2] > 25).any(axis=0).sum())
    assert widths[0] == pytest.approx(108, abs=4) and widths[1] == pytest.approx(22, abs=3)
    (shrunk,) = lod_pairs(subject, (unwrapped(),), {"lod1_unity_height": 0.5})
    assert shrunk.caption == "LOD0 and LOD1 at 540 px, drawn smaller"
    assert lod_pairs(subject, (unwrapped(),), {}) == ()
