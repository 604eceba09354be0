from __future__ import annotations

import numpy as np

from kiln.geometry.areas import triangle_areas
from kiln.geometry.box_uv import box_axes, box_corners, box_joined
from kiln.geometry.seams import inner_edges
from shapes import cube, sphere


def signed_areas(corners: np.ndarray) -> np.ndarray:
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def test_a_cube_becomes_six_charts_that_keep_their_area() -> None:
    box = cube()
    edges = inner_edges(box)
    axis = box_axes(box, edges)
    assert np.bincount(axis).tolist() == [2] * 6
    assert edges.charts(box_joined(edges, axis)).max() + 1 == 6
    assert np.allclose(signed_areas(box_corners(box, axis)), triangle_areas(box))


def test_no_triangle_is_laid_face_down_or_keeps_less_than_a_fifth_of_its_area() -> None:
    ball = sphere(24, 48)
    axis = box_axes(ball, inner_edges(ball))
    assert (signed_areas(box_corners(ball, axis)) > 0.199 * triangle_areas(ball)).all()
