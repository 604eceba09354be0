from __future__ import annotations

import numpy as np
import pytest

from kiln.geometry.convex import hull_volume
from kiln.geometry.inside import Heights
from kiln.geometry.planes import heights_above, hull_planes
from kiln.geometry.slim_hull import Tolerance, grown_over, outstanding, slim_hulls
from shapes import cube, sphere

BALL = sphere().positions.astype(np.float64)
BOX = cube().positions.astype(np.float64)
TOLERANCE = Tolerance(volume=0.1, distance=0.1)


def test_more_triangles_cost_less():
    made = slim_hulls(BALL, vertices=32, tolerance=TOLERANCE)
    assert [slim.triangles for slim in made] == sorted({slim.triangles for slim in made}) and len(made) > 6
    assert (np.diff([slim.cost for slim in made]) < 0).all()
    assert all(4 <= len(slim.corners) <= 32 for slim in made)


def test_a_box_is_found_exactly_and_needs_no_more():
    best = slim_hulls(BOX, vertices=32, tolerance=TOLERANCE)[-1]
    assert best.triangles == 12 and best.cost < 0.01 and hull_volume(best.corners) == pytest.approx(1, rel=1e-6)


def test_a_body_beside_empty_space_shrinks_to_what_is_solid():
    ball = Heights(sphere(radius=0.8))
    whole, solid = (slim_hulls(2 * BOX, vertices=32, tolerance=TOLERANCE, heights=heights)[-1] for heights in (None, ball))
    assert hull_volume(solid.corners) < 0.7 * hull_volume(whole.corners) and solid.cost > whole.cost


@pytest.mark.parametrize("points", [BALL, BOX, BALL * (1, 0.2, 3)])
def test_covering_bodies_hold_all_points(points):
    for slim in slim_hulls(points, vertices=20, tolerance=TOLERANCE, cover=True):
        (grown,) = grown_over([slim.corners], points)
        assert np.allclose(grown, slim.corners, atol=2e-3 * np.ptp(points))


def test_bodies_grow_only_over_the_points_that_are_theirs():
    left, right = BOX - np.array((2, 0, 0)), BOX + np.array((2, 0, 0))
    first, second = grown_over([left, right], np.array([(-2.0, 0.7, 0), (2, 0.1, 0)]))
    assert np.ptp(first, axis=0) == pytest.approx([1.4] * 3) and np.array_equal(second, right)


def test_outstanding_corners_span_the_body_first():
    few = outstanding(BALL, 8)
    assert len(few) == 8 and hull_volume(BALL[few]) > 1.2  # the largest octagon's hull in the unit ball holds 1.8
    assert np.array_equal(outstanding(BALL, 20)[:8], few)
    assert sorted(outstanding(BOX, 99)) == list(range(8))


def test_planes_of_a_mesh_hold_all_its_points():
    assert heights_above(hull_planes(sphere()), BALL).max() < 1e-6
