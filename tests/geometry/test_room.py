"""How much of an atlas charts are expected to take."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.layout import Layout, Selection, new_layout
from kiln.geometry.room import atlas_side, room
from kiln.geometry.seams import inner_edges
from shapes import grid


def sheet(columns: int, rows: int) -> Layout:
    flat = grid(columns, rows)
    edges = inner_edges(flat)
    return new_layout(flat, edges, np.ones(len(edges.lengths), bool), flat.positions[flat.triangles][..., :2].astype(np.float64))


def test_the_side_is_what_an_atlas_that_is_two_thirds_full_has() -> None:
    assert atlas_side(sheet(4, 4)) == pytest.approx(np.sqrt(16 / 0.65), rel=0.01)


def test_a_gap_costs_long_thin_charts_most() -> None:
    share = []
    for layout in (sheet(4, 4), sheet(16, 1)):
        tight, wide = (room(layout.everything(), gutter=gutter)[0] for gutter in (0.0, 0.05))
        share.append(wide / tight)
    assert 1 < share[0] < share[1]


def test_what_fills_its_rectangle_takes_less_than_what_does_not() -> None:
    layout = sheet(4, 4)
    middle = layout.corners.mean(axis=1) - layout.corners.mean(axis=(0, 1))
    band = np.abs(middle[:, 1]) < 1
    corner = np.abs(middle).min(axis=1) < 0.5
    for some in (band, corner):
        assert some.any()
    rooms = [
        room(Selection(layout, np.flatnonzero(s), np.zeros(int(s.sum()), np.int64), 1), gutter=0.0)[0] / layout.areas[s].sum()
        for s in (band, corner)
    ]
    assert rooms[0] < rooms[1]
