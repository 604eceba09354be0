from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.areas import volume
from kiln.geometry.distance import distance_to
from kiln.geometry.quick import preview
from kiln.geometry.topology import measure_topology
from shapes import cube, mesh, refined, sphere

DENSE = sphere(150, 300)


@pytest.mark.parametrize("budget", [200, 2_000, 20_000])
def test_a_preview_hits_its_budget_and_is_clean(budget):
    coarse = preview(DENSE, triangles=budget)
    topology = measure_topology(coarse)
    assert 0.98 * budget <= coarse.triangle_count <= budget
    assert topology.is_manifold and topology.degenerate_triangles == topology.inconsistent_edges == 0
    assert distance_to(DENSE, coarse.positions.astype(np.float64)).max() < 4 / budget + 1e-3


def test_both_sides_of_a_plate_thinner_than_a_cell_stay():
    plate = refined(cube(), 6)
    plate = replace(plate, positions=plate.positions * np.array([1, 1, 0.004], np.float32))
    assert volume(preview(plate, triangles=300)) == pytest.approx(0.004, rel=0.05)


def test_colours_come_along():
    colors = np.where(DENSE.positions[:, :1] > 0, 200, 100).astype(np.uint8) * np.ones((1, 4), np.uint8)
    coarse = preview(replace(DENSE, colors=colors), triangles=1000)
    x, y, _ = coarse.positions.T
    assert (coarse.colors[(x > 0.1) & (abs(y) < 0.9)] == 200).all() and (coarse.colors[(x < -0.1) & (abs(y) < 0.9)] == 100).all()


def test_what_is_within_the_budget_is_returned_as_it_is():
    assert preview(DENSE, triangles=DENSE.triangle_count) is DENSE


def test_a_flat_sheet_and_a_point_like_mesh_do_not_break_it():
    sheet = refined(mesh([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3)]), 6)
    coarse = preview(sheet, triangles=100)
    assert 0 < coarse.triangle_count <= 100 and measure_topology(coarse).is_manifold
    point = Mesh(positions=np.zeros((300, 3), np.float32), triangles=np.arange(300, dtype=np.uint32).reshape(-1, 3))
    assert preview(point, triangles=50).triangle_count == 0
