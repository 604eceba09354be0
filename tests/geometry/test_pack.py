"""Charts that are squares, so that what fits is known."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.errors import PostconditionError
from kiln.geometry.areas import flat_areas
from kiln.geometry.charts import Charts, rim_edges
from kiln.geometry.pack import pack, pack_at, pack_beyond


def squares(sides: list[float]) -> Charts:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    each = np.array([(0, 1, 2), (0, 2, 3)])
    return Charts(
        vertex=np.arange(4 * len(sides)),
        triangles=np.concatenate([each + 4 * k for k in range(len(sides))]).astype(np.uint32),
        points=np.concatenate([corners * side for side in sides]),
        chart=np.repeat(np.arange(len(sides)), 2),
    )


def boxes(charts: Charts, uvs: np.ndarray, size: int) -> np.ndarray:
    """Left, top, right, bottom of each square in texels."""
    placed = uvs.reshape(-1, 4, 2) * size
    return np.concatenate([placed.min(axis=1), placed.max(axis=1)], axis=1)


def test_four_equal_squares_fill_the_atlas_but_for_the_padding() -> None:
    charts = squares([1, 1, 1, 1])
    made = boxes(charts, pack(charts, size=256, padding=8), 256)
    assert (made[:, 2:] - made[:, :2]).min() > 128 - 8 - 3


def test_all_charts_share_one_scale_and_keep_apart() -> None:
    sides = np.random.default_rng(0).uniform(0.2, 1, 20).tolist()
    charts = squares(sides)
    uvs = pack(charts, size=512, padding=6)
    made = boxes(charts, uvs, 512)
    scale = (made[:, 2:] - made[:, :2]) / np.array(sides)[:, None]
    assert np.ptp(scale) < 1e-3 * scale.mean()
    assert made.min() >= 3 - 1e-3
    assert made.max() <= 512 - 3 + 1e-3
    for k in range(20):
        between = np.maximum(made[k, :2] - made[:, 2:], made[:, :2] - made[k, 2:])
        apart = np.linalg.norm(np.maximum(between, 0), axis=1)
        assert np.delete(apart, k).min() >= 6 - 1e-3


def test_small_charts_go_into_the_holes_of_large_ones() -> None:
    ring = np.array([(0, 0), (9, 0), (9, 9), (0, 9), (2, 2), (7, 2), (7, 7), (2, 7)], float)
    sides = [[(a, b, b + 4), (a, b + 4, a + 4)] for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))]
    pair = Charts(
        vertex=np.arange(12),
        triangles=np.array([*np.concatenate(sides), (8, 9, 10), (8, 10, 11)], np.uint32),
        points=np.concatenate([ring, np.array([(0, 0), (4, 0), (4, 4), (0, 4)], float)]),
        chart=np.array([0] * 8 + [1] * 2),
    )
    assert (flat_areas(pair.points, pair.triangles) > 0).all()
    uvs = pack(pair, size=256, padding=4)
    hole = np.concatenate([uvs[4:8].min(axis=0), uvs[4:8].max(axis=0)])
    small = np.concatenate([uvs[8:].min(axis=0), uvs[8:].max(axis=0)])
    assert (small[:2] > hole[:2]).all()
    assert (small[2:] < hole[2:]).all()


def test_charts_that_cannot_fit_are_refused() -> None:
    with pytest.raises(PostconditionError, match="larger atlas or less padding"):
        pack(squares([1.0] * 40), size=64, padding=32)


def test_rims_are_the_edges_of_one_triangle() -> None:
    edges, owner = rim_edges(np.array([(0, 1, 2), (0, 2, 3)], np.uint32))
    assert {frozenset(edge) for edge in edges.tolist()} == {frozenset(e) for e in ((0, 1), (1, 2), (2, 3), (3, 0))}
    assert owner.tolist() == [0, 0, 1, 1]


def test_a_scale_that_is_asked_for_is_kept_or_refused() -> None:
    charts = squares([1, 1, 1, 1])
    made = boxes(charts, pack_at(charts, size=256, padding=8, density=50.0), 256)
    assert np.allclose(made[:, 2:] - made[:, :2], 50, atol=1e-3)
    assert pack_at(charts, size=256, padding=8, density=125.0) is None


def test_more_texels_are_found_only_where_there_is_room() -> None:
    charts = squares([1, 1, 1, 1])
    made = boxes(charts, pack_beyond(charts, size=256, padding=8, density=80.0), 256)
    assert (made[:, 2:] - made[:, :2]).min() > 110
    assert pack_beyond(charts, size=256, padding=8, density=119.5) is None


def test_thousands_of_charts_lie_apart_at_the_scale_asked_for() -> None:
    charts = squares(np.random.default_rng(0).uniform(0.5, 1, 1600).tolist())
    for uvs in (pack(charts, size=1024, padding=2), pack_at(charts, size=1024, padding=2, density=15.0)):
        made = boxes(charts, uvs, 1024)
        grid = np.zeros((1024, 1024), int)
        for left, top, right, bottom in made:
            grid[int(np.ceil(top - 1)) : int(bottom + 1), int(np.ceil(left - 1)) : int(right + 1)] += 1
        assert grid.max() == 1
    assert np.allclose((made[:, 2] - made[:, 0])[0] / 15, np.ptp(charts.points[:4, 0]), rtol=1e-3)
    assert pack_at(charts, size=1024, padding=2, density=100.0) is None
    assert pack_beyond(charts, size=1024, padding=2, density=1.0) is None
