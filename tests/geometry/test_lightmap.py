"""The layout for baked light: the same charts, evenly dense, with gaps of its own."""

from __future__ import annotations

import numpy as np

from kiln.geometry.areas import flat_areas
from kiln.geometry.charts import Charts
from kiln.geometry.lightmap import Lightmap, lightmap_measures, lightmap_uvs
from shapes import mesh


def squares(count: int) -> Charts:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    each = np.array([(0, 1, 2), (0, 2, 3)])
    return Charts(
        vertex=np.arange(4 * count),
        triangles=np.concatenate([each + 4 * k for k in range(count)]).astype(np.uint32),
        points=np.tile(corners, (count, 1)),
        chart=np.repeat(np.arange(count), 2),
    )


def test_charts_get_the_gap_asked_for() -> None:
    notes: list[str] = []
    uvs = lightmap_uvs(squares(4), Lightmap(size=64, padding=4), notes)
    sides = np.ptp(uvs.reshape(4, 4, 2) * 64, axis=1)
    assert not notes
    assert np.allclose(sides, sides[0, 0], atol=1e-3)
    assert 26 < sides[0, 0] <= 28


def test_gaps_shrink_where_there_is_no_room_and_that_is_said() -> None:
    notes: list[str] = []
    charts = squares(64)
    uvs = lightmap_uvs(charts, Lightmap(size=64, padding=6), notes)
    assert "3 texels of padding instead of 6" in notes[0]
    assert np.abs(flat_areas(uvs.astype(np.float64), charts.triangles)).sum() > 0.2


def test_without_room_or_wish_there_is_none() -> None:
    notes: list[str] = []
    assert lightmap_uvs(squares(4), None, notes) is None
    assert not notes
    assert lightmap_uvs(squares(1200), Lightmap(size=32, padding=2), notes) is None
    assert "use a larger lightmap" in notes[0]


def test_its_use_is_measured_where_there_is_one() -> None:
    square = mesh([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)], lightmap_uvs=np.array([(0, 0), (1, 0), (0, 1)], np.float32))
    measures = lightmap_measures(square, Lightmap(size=100, padding=1))
    assert abs(measures["lightmap_utilization"] - 0.5) < 0.01
    assert lightmap_measures(square, None) == {}
