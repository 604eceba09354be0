"""Cracks, on a ball that is cut open along its equator and put together again with other vertices."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.cracks import zip_cracks
from kiln.geometry.repair import Limits, Repaired
from kiln.geometry.repair import repair as climb
from kiln.geometry.topology import measure_topology
from shapes import mesh, sphere


def repair(solid: Mesh, **limits: object) -> Repaired:
    return climb(solid, Limits(**limits))


def cracked(gap: float) -> Mesh:
    """Two half balls of 24 and 36 sides, a gap apart, each of one colour."""
    lower, upper = half(24, -1), half(36, 1)
    offset = lower.vertex_count
    positions = np.concatenate([lower.positions, upper.positions + np.array([0, gap, 0], np.float32)])
    colors = np.full((len(positions), 4), 255, np.uint8)
    colors[offset:, 0] = 0
    return mesh(positions, np.concatenate([lower.triangles, upper.triangles + offset]), colors=colors)


def half(segments: int, side: int) -> Mesh:
    ball = sphere(12, segments)
    return ball.take_triangles(side * ball.positions[ball.triangles].mean(axis=1)[:, 1] > 0)


@pytest.mark.parametrize("gap", [0.0, 0.01, 0.02])
def test_rims_with_different_vertices_are_joined(gap: float) -> None:
    zipped = zip_cracks(cracked(gap), tolerance=0.04)
    topology = measure_topology(zipped)
    assert (topology.open_edges, topology.non_manifold_edges, topology.components) == (0, 0, 1)
    assert topology.euler == 2
    colors = zipped.colors[zipped.triangles]
    assert (colors == colors[:, :1]).all(), "each half keeps its colour up to the seam"


def test_repair_zips_cracks_and_leaves_wider_gaps() -> None:
    assert repair(cracked(0.02), cracks=0.01, holes=0.0).after.is_sound
    assert repair(cracked(0.1), cracks=0.01, holes=0.0).after.components == 2


def test_a_sheets_own_rim_is_not_zipped() -> None:
    sheet = half(24, 1)
    assert zip_cracks(sheet, tolerance=0.04) is sheet
