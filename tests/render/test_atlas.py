"""An atlas is read and written at its texels, and filled between its islands."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.areas import triangle_areas
from kiln.geometry.unwrap import unwrap
from kiln.render.atlas import lay_out
from shapes import cube

BOX = unwrap(cube(), size=64, padding=4)
BOX = getattr(BOX, "mesh", BOX)
ATLAS = lay_out(BOX, size=64)


def test_what_is_spread_is_read_again_and_leaves_no_gap() -> None:
    values = np.arange(len(ATLAS.graph))
    pixels = ATLAS.spread(values)
    assert pixels.shape == (64, 64)
    assert np.array_equal(ATLAS.read(pixels), values)


def test_texels_add_up_to_the_surface() -> None:
    assert len(ATLAS.graph) * ATLAS.texel**2 == pytest.approx(triangle_areas(BOX).sum())


def test_seams_differ_where_islands_do() -> None:
    everywhere = np.ones(len(ATLAS.graph), bool)
    island = ATLAS.graph.island[:, None].astype(np.float32)
    assert ATLAS.across_seams(np.ones((len(everywhere), 3), np.float32), of=everywhere) == 0
    assert ATLAS.across_seams(island, of=everywhere) > 0.5
    assert ATLAS.across_seams(island, of=~everywhere) == 0


def test_uvs_are_needed() -> None:
    with pytest.raises(ValueError, match="no UVs"):
        lay_out(cube(), size=8)
