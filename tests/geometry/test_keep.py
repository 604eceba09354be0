from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.keep import held_points, simplify_keeping
from kiln.geometry.topology import measure_topology
from shapes import cube, grid, sphere


def striped(color: int = 250) -> Mesh:
    """A ball of two colours that meet where x = 0.3."""
    ball = sphere(48, 96)
    bright = ball.positions[:, 0] > 0.3
    return replace(ball, colors=np.where(bright[:, None], color, 20).astype(np.uint8) * np.ones((1, 4), np.uint8))


def border_error(mesh: Mesh) -> float:
    """Largest share of a triangle's colour that lies on the wrong side of the border."""
    corners = mesh.positions[mesh.triangles].mean(axis=1)[:, 0] > 0.3
    shade = (mesh.colors[mesh.triangles][:, :, 0].mean(axis=1) - 20) / 230
    area = np.linalg.norm(np.cross(*np.diff(mesh.positions[mesh.triangles], axis=1).transpose(1, 0, 2)), axis=1)
    return float(np.average(np.abs(shade - corners), weights=area))


def test_kept_uvs_are_the_source_s_own():
    solid = sphere()
    uvs = solid.positions[:, :2].copy()
    coarse = simplify_keeping(replace(solid, uvs=uvs), triangles=300)
    assert 290 <= coarse.triangle_count <= 300
    assert np.array_equal(coarse.uvs, coarse.positions[:, :2])


def test_what_is_within_the_budget_stays_as_it_is():
    assert simplify_keeping(cube(), triangles=12).triangle_count == 12


def test_a_border_between_materials_stays_where_it_is():
    ball = sphere(24, 48)
    ids = (ball.positions[ball.triangles].mean(axis=1)[:, 1] > 0).astype(np.uint32)
    coarse = simplify_keeping(replace(ball, material_ids=ids), triangles=200)
    height = coarse.positions[coarse.triangles][:, :, 1]
    assert measure_topology(coarse).is_sound and 196 <= coarse.triangle_count <= 200
    assert (height[coarse.material_ids == 1] > -1e-6).all() and (height[coarse.material_ids == 0] < 1e-6).all()


@pytest.mark.parametrize("budget", [1000, 400])
def test_a_border_between_colours_holds_better_than_without_weight(budget):
    held, free = (simplify_keeping(striped(), triangles=budget, color_weight=weight) for weight in (1.0, 0.0))
    assert held.triangle_count == free.triangle_count == budget
    assert border_error(held) < 0.75 * border_error(free)


def test_even_colours_change_nothing():
    plain = replace(striped(color=20))
    held, free = (simplify_keeping(plain, triangles=400, color_weight=weight) for weight in (1.0, 0.0))
    assert np.array_equal(held.positions, free.positions)


def test_points_on_seams_borders_and_open_edges_are_counted():
    flat = grid(4, 4)
    assert held_points(flat) == (16, 25)
    halves = replace(
        flat, material_ids=(flat.positions[flat.triangles].mean(axis=1)[:, 0] > np.median(flat.positions[:, 0])).astype(np.uint32)
    )
    assert held_points(halves) == (19, 25)
