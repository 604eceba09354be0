from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.buried import buried_share
from kiln.geometry.repair import repair
from kiln.geometry.topology import measure_topology
from shapes import cube, mesh, sphere
from torture import crossing, inside_out, nested_shells, shifted, together, torus


def coil() -> Mesh:
    """A ring that is one closed surface wound twice around, so that it runs through itself."""
    ring = torus(96, 24, 0.3)
    turns = np.arange(96).repeat(24)
    angle = 4 * np.pi * turns / 96
    tilt = 0.05 * np.sin(angle / 2)
    radius = np.linalg.norm(ring.positions[:, ::2], axis=1) + 0.05 * np.cos(angle / 2)
    points = np.stack([radius * np.sin(angle), ring.positions[:, 1] + tilt, radius * np.cos(angle)], axis=1)
    return mesh(points, ring.triangles)


def test_nothing_of_a_solid_is_inside_it() -> None:
    for solid in (cube(), sphere(), torus(48, 24, 0.3), together(sphere(), inside_out(sphere(radius=0.5)))):
        assert buried_share(solid) == 0


def test_the_share_inside_is_measured() -> None:
    assert buried_share(crossing()) == pytest.approx(0.32, abs=0.03)
    assert buried_share(nested_shells()) > 0.5
    assert buried_share(together(cube(), shifted(cube(), 0.5, 0, 0))) == pytest.approx(1 / 6, abs=0.01)


def test_one_sound_surface_that_runs_through_itself_is_noticed() -> None:
    assert measure_topology(coil()).is_sound and measure_topology(coil()).components == 1
    made = repair(coil())
    assert buried_share(coil()) > 0.3 and ("inside" in " ".join(made.notes))
