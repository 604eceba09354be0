from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.axes import measure_stance
from kiln.geometry.place import quarter_turn, turned
from shapes import mesh


def pyramid() -> Mesh:
    """Stands on a square."""
    corners = [(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1), (0, 3, 0)]
    return mesh(corners, [(0, 1, 2), (0, 2, 3), (0, 4, 1), (1, 4, 2), (2, 4, 3), (3, 4, 0)])


def test_what_stands_on_its_base_is_not_spoken_of():
    stance = measure_stance(pyramid())
    assert stance.contact["-y"] == pytest.approx(1) and stance.contact["+y"] == 0 and stance.hints == ()


@pytest.mark.parametrize(("up", "front"), [("-z", "+y"), ("+z", "-y"), ("+x", "+z"), ("-x", "+z")])
def test_what_lies_on_its_side_is_told_how_to_stand_up(up, front):
    standing = pyramid()
    lying = turned(standing, quarter_turn(up=up, front=front).T)
    (hint,) = measure_stance(lying).hints
    assert f"--top={up}" in hint and ("--front" in hint) == (front != "+z")
    assert np.allclose(turned(lying, quarter_turn(up=up, front=front)).positions, standing.positions)


def test_what_is_alike_in_front_and_back_but_not_left_and_right_may_face_sideways():
    wedge = replace(pyramid(), positions=pyramid().positions + np.array([(0, 0, 0)] * 4 + [(0.9, 0, 0)], np.float32))
    assert "--front" in measure_stance(wedge).hints[0]
    assert measure_stance(turned(wedge, quarter_turn(up="+y", front="+x"))).hints == ()
