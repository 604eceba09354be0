"""Who gets how many texels, on solids whose sides can be told by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas, uv_areas
from kiln.geometry.importance import carried_importance, detail_levels, wanted_detail
from kiln.geometry.seams import inner_edges
from kiln.geometry.unwrap import unwrap
from shapes import cube, sphere


def detail(solid: Mesh, front: float = 1.0, face: float = 1.0) -> np.ndarray | None:
    return wanted_detail(solid, inner_edges(solid), front_weight=front, face_weight=face)


def density(made: Mesh) -> np.ndarray:
    return np.sqrt(np.abs(uv_areas(made)) / triangle_areas(made))


def test_without_wishes_nothing_is_weighted() -> None:
    assert detail(sphere()) is None
    assert detail(replace(sphere(), importance=np.full(sphere().vertex_count, 2, np.float32))) is None


def test_the_front_is_what_faces_plus_z_and_the_face_its_top_fifth() -> None:
    ball = sphere(24, 48)
    middle = ball.positions[ball.triangles].mean(axis=1)
    front = detail(ball, front=2.0)
    assert (front[middle[:, 2] > 0.6] == 2).all()
    assert (front[middle[:, 2] < 0.4] == 1).all()
    face = detail(ball, face=3.0)
    assert (face[(middle[:, 1] > 0.65) & (middle[:, 2] > 0.4)] == 3).all()
    assert (face[(middle[:, 1] < 0.55) | (middle[:, 2] < 0.1)] == 1).all()


def test_weights_multiply_and_are_bounded() -> None:
    marked = replace(sphere(), importance=np.full(sphere().vertex_count, 2, np.float32))
    assert set(np.unique(detail(marked, front=3.0)).tolist()) == {2.0, 3.0}
    assert len(np.unique(detail_levels(np.array([0.5, 1, 1.1, 2, 3])))) == 4


def test_importance_comes_from_the_nearest_point_of_the_source() -> None:
    source = replace(sphere(24, 48), importance=np.where(sphere(24, 48).positions[:, 0] > 0, 2, 1).astype(np.float32))
    carried = carried_importance(source, sphere(8, 16)).importance
    x = sphere(8, 16).positions[:, 0]
    assert (carried[x > 0.2] == pytest.approx(2)) and (carried[x < -0.2] == pytest.approx(1))
    assert carried_importance(sphere(), sphere()).importance is None
    own = replace(cube(), importance=np.ones(8, np.float32))
    assert carried_importance(source, own) is own


def test_the_front_gets_as_many_more_texels_as_asked_and_neighbours_at_most_half_less() -> None:
    ball = sphere(24, 48)
    made = unwrap(ball, size=256, padding=2, front_weight=2.0)
    got, z = density(made.mesh), ball.positions[ball.triangles].mean(axis=1)[:, 2]
    assert np.median(got[z > 0.7]) / np.median(got[z < 0]) == pytest.approx(2, rel=0.1)
    assert made.measures["texel_density_cv"] < 0.08


def test_no_neighbours_are_more_than_twice_as_dense() -> None:
    ball = sphere(24, 48)
    marked = replace(ball, importance=np.where(ball.positions[:, 1] > 0, 3, 0.5).astype(np.float32))
    got = density(unwrap(marked, size=256, padding=2).mesh)
    edges = inner_edges(ball).triangles
    ratio = got[edges[:, 0]] / got[edges[:, 1]]
    assert np.maximum(ratio, 1 / ratio).max() < 2.5, "factors differ by 2 at most; the rest is stretch within charts"
