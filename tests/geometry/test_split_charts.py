"""Which charts are cut: forks and rings, but no square and no crumb."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.layout import Layout, boxes, new_layout
from kiln.geometry.room import atlas_side, room
from kiln.geometry.seams import inner_edges
from kiln.geometry.split_charts import split_charts
from shapes import grid


def part(keep: np.ndarray) -> Layout:
    """A sheet of these unit squares only, in one chart."""
    rows, columns = keep.shape
    sheet = grid(columns, rows).take_triangles(np.repeat(keep.ravel(), 2))
    edges = inner_edges(sheet)
    return new_layout(sheet, edges, np.ones(len(edges.lengths), bool), sheet.positions[sheet.triangles][..., :2].astype(np.float64))


def test_a_square_stays_whole() -> None:
    layout = part(np.ones((8, 8), bool))
    split_charts(layout, gutter=0.004)
    assert layout.everything().count == 1


@pytest.mark.parametrize("shape", ["L", "U"])
def test_bent_pieces_are_cut_into_pieces_that_take_less_room(shape: str) -> None:
    keep = np.zeros((12, 12), bool)
    keep[:2] = keep[:, :2] = True
    if shape == "U":
        keep[:, -2:] = True
    layout = part(keep)
    before = room(layout.everything(), gutter=0.004).sum()
    split_charts(layout, gutter=0.004, gain=0.95)
    after = layout.everything()
    assert after.count >= 2
    assert room(after, gutter=0.004).sum() < 0.9 * before


def test_room_is_more_than_area_and_grows_with_the_gutter() -> None:
    layout = part(np.ones((2, 10), bool))
    everything = layout.everything()
    assert boxes(everything)[0] == pytest.approx([10, 2], rel=1e-5)
    thin, wide = (room(everything, gutter=g)[0] for g in (0.001, 0.02))
    assert 20 < thin < wide
    assert atlas_side(layout) ** 2 > 20
