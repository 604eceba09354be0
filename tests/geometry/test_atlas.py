"""Sizes chosen from texel densities, and atlases that are only taken when they are denser."""

from __future__ import annotations

import numpy as np

from kiln.asset import Mesh
from kiln.geometry.atlas import SIZES, atlas_size, denser, lay_out
from kiln.geometry.layout import Layout, doubled_triangles, new_layout
from kiln.geometry.seams import inner_edges
from shapes import cube, grid


def sides_of_a_cube(joined: bool) -> Layout:
    solid = cube()
    edges = inner_edges(solid)
    side = np.repeat(np.arange(6), 2)[edges.triangles]
    layout = new_layout(solid, edges, (side[:, 0] == side[:, 1]) & joined, np.zeros((12, 3, 2)))
    layout.corners = layout.lying.copy()
    if joined:
        layout.relax(np.arange(12))
    return layout


def test_the_size_is_the_least_that_could_hold_the_surface() -> None:
    assert atlas_size(1.0, density=100.0) == 256
    assert atlas_size(1.0, density=250.0) == 512
    assert atlas_size(100.0, density=1e5) == SIZES[-1]


def test_fill_and_density_are_of_what_is_laid_out() -> None:
    atlas = lay_out(sides_of_a_cube(joined=True), cube(), size=256, padding=2)
    assert 0.5 < atlas.fill < 1
    assert np.isclose(atlas.density**2 * 6, atlas.fill * 256**2)


def test_a_layout_that_packs_worse_is_not_taken_and_a_better_one_is() -> None:
    whole, loose = (lay_out(sides_of_a_cube(joined=j), cube(), size=256, padding=8) for j in (True, False))
    good, bad = (whole, loose) if whole.density > loose.density else (loose, whole)
    layouts = {id(whole): sides_of_a_cube(joined=True), id(loose): sides_of_a_cube(joined=False)}
    assert denser(good, layouts[id(bad)], cube(), padding=8, detail=None) is None
    if good.density > 1.1 * bad.density:
        assert denser(bad, layouts[id(good)], cube(), padding=8, detail=None).density > bad.density


def test_triangles_that_lie_over_others_are_cut_loose_and_find_a_place_beside_them() -> None:
    sheet = grid(2, 1)
    edges = inner_edges(sheet)
    layout = new_layout(sheet, edges, np.ones(len(edges.lengths), bool), sheet.positions[sheet.triangles][..., :2].astype(float))
    layout.corners[2:] = layout.corners[:2]
    atlas = lay_out(layout, sheet, size=256, padding=2)
    assert atlas.charts.count == 1
    corners = atlas.uvs.astype(np.float64)[atlas.charts.triangles] * atlas.size
    assert not doubled_triangles(corners, atlas.charts.chart).any()


def test_triangles_that_would_lie_over_their_neighbours_anywhere_stay_loose() -> None:
    fan = np.linspace(0, 3.6 * np.pi, 16)  # almost two turns about one point: flat, they overlap
    rim = np.stack([np.cos(fan), np.sin(fan), 0.2 * fan], axis=1)
    stair = Mesh(
        positions=np.vstack([(0.0, 0.0, 1.0), rim]).astype(np.float32),
        triangles=np.stack([np.zeros(15), np.arange(1, 16), np.arange(2, 17)], axis=1).astype(np.uint32),
    )
    edges = inner_edges(stair)
    flat = stair.positions[stair.triangles][..., :2].astype(float)
    atlas = lay_out(new_layout(stair, edges, np.ones(len(edges.lengths), bool), flat), stair, size=256, padding=2)
    assert atlas.charts.count > 1
    corners = atlas.uvs.astype(np.float64)[atlas.charts.triangles] * atlas.size
    assert not doubled_triangles(corners, atlas.charts.chart).any()
