from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.clip import clip, pieces, soup_volume
from shapes import cube, sphere


def soup(mesh):
    return mesh.positions.astype(np.float64)[mesh.triangles]


@pytest.mark.parametrize("normal", [(0, 1, 0), (0.6, 0.8, 0), (1 / 3, 2 / 3, 2 / 3)])
def test_both_sides_stay_solids_whose_volumes_add_up(normal):
    solid = soup(sphere())
    below, above = clip(solid, np.array(normal, np.float64), 0.31)
    assert soup_volume(below) + soup_volume(above) == pytest.approx(soup_volume(solid), rel=1e-12)
    assert soup_volume(above) == pytest.approx(np.pi * 0.69**2 * (3 - 0.69) / 3, rel=0.03)
    assert (below @ normal).max() <= 0.31 + 1e-12 and (above @ normal).min() >= 0.31 - 1e-12
    assert len(pieces(below)) == len(pieces(above)) == 1


def test_a_plane_beside_a_solid_leaves_it_whole():
    below, above = clip(soup(cube()), np.array((1.0, 0, 0)), 0.75)
    assert len(below) == 12 and len(above) == 0


def test_what_a_cut_separates_is_two_pieces():
    bar = np.concatenate([soup(cube()) + np.array((x, 0, 0)) for x in (-2, 2)])
    assert len(pieces(bar)) == 2
    assert len(pieces(clip(bar, np.array((0.0, 1.0, 0.0)), 0.1)[0])) == 2
