"""Cutting and joining charts, on solids whose charts can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.box_uv import box_axes, box_corners, box_joined
from kiln.geometry.layout import Layout, doubled_triangles, flipped, new_layout, overlapping
from kiln.geometry.seams import inner_edges
from kiln.geometry.stitch import cut_loose, mend, stitch
from shapes import cube, mesh, sphere, tetrahedron


def boxed(solid: Mesh) -> Layout:
    edges = inner_edges(solid)
    axis = box_axes(solid, edges)
    return new_layout(solid, edges, box_joined(edges, axis), box_corners(solid, axis))


def test_a_closed_solid_has_three_edges_for_two_triangles() -> None:
    assert len(inner_edges(cube()).lengths) == 18
    assert len(inner_edges(tetrahedron()).lengths) == 6


def test_edges_of_three_triangles_and_of_two_that_disagree_are_never_joined() -> None:
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)]
    assert len(inner_edges(mesh(corners, [(0, 1, 2), (1, 0, 3), (1, 0, 4)])).lengths) == 0
    assert len(inner_edges(mesh(corners, [(0, 1, 2), (0, 1, 3)])).lengths) == 0
    assert len(inner_edges(mesh(corners, [(0, 1, 2), (1, 0, 3)])).lengths) == 1


def test_corners_of_an_edge_are_the_same_points_on_both_sides() -> None:
    ball = sphere(6, 12)
    edges = inner_edges(ball)
    vertex = ball.triangles.reshape(-1)[edges.corners]
    assert np.array_equal(vertex[:, :, 0], vertex[:, :, 1])
    assert np.array_equal(edges.corners // 3, np.repeat(edges.triangles[:, None], 2, axis=1))


def test_a_cube_falls_into_its_six_sides_lying_face_up() -> None:
    layout = boxed(cube())
    everything = layout.everything()
    assert everything.count == 6
    assert np.allclose(everything.stretch, 1)
    assert not flipped(everything).any()
    assert not overlapping(everything).any()


@pytest.mark.parametrize("solid", [sphere(10, 20), cube()], ids=["sphere", "cube"])
def test_joining_never_closes_a_surface_nor_spoils_a_chart(solid: Mesh) -> None:
    layout = boxed(solid)
    mend(layout)
    before = layout.everything().count
    stitch(layout, gutter=0.01)
    everything = layout.everything()
    assert 1 < everything.count <= before
    assert not flipped(everything).any()
    assert not overlapping(everything).any()


def test_a_chart_that_lies_over_itself_is_cut() -> None:
    """A strip wound one and a half times round a cylinder's axis, seen along it, lies over itself."""
    angle = np.linspace(0, 3 * np.pi, 40)
    rim = [np.stack([r * np.cos(angle), r * np.sin(angle), 0.3 * angle], axis=1) for r in (1.0, 1.6)]
    quads = [(k, k + 1, k + 41, k + 40) for k in range(39)]
    ramp = mesh(np.concatenate(rim), [t for a, b, c, d in quads for t in ((a, c, b), (a, d, c))])
    layout = boxed(ramp)
    layout.joined[:] = True
    layout.relax(np.arange(78))
    assert overlapping(layout.everything()).any()
    mend(layout)
    assert not overlapping(layout.everything()).any()


def test_triangles_cut_loose_are_charts_of_their_own() -> None:
    layout = boxed(cube())
    cut_loose(layout, np.array([0]))
    chart = layout.charts()
    assert (chart == chart[0]).sum() == 1
    assert layout.everything().count == 7


def test_doubled_triangles_are_found_within_their_group_only() -> None:
    triangle = np.array([(0, 0), (9, 0), (0, 9)], float)
    corners = np.stack([triangle, triangle + 1, triangle + 20])
    assert doubled_triangles(corners, np.array([0, 0, 0])).tolist() == [False, True, False]
    assert doubled_triangles(corners, np.array([0, 1, 0])).tolist() == [False, False, False]
