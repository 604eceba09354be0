from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.geometry.deviation import deviation
from kiln.geometry.refit import refit
from kiln.geometry.topology import measure_topology
from shapes import cube, sphere


def test_chords_of_a_sphere_move_outward():
    fine, coarse = sphere(48, 96), sphere(8, 16)
    fitted = refit(fine, coarse, along=coarse.positions)
    assert deviation(fine, fitted) < 0.7 * deviation(fine, coarse)
    assert np.linalg.norm(fitted.positions, axis=1).min() > 1


def test_vertices_at_one_point_stay_at_one_point():
    coarse = sphere(8, 16)
    apart = coarse.take_vertices(coarse.triangles.reshape(-1), np.arange(coarse.triangles.size, dtype=np.uint32).reshape(-1, 3))
    fitted = refit(sphere(48, 96), apart, along=apart.positions)
    assert measure_topology(fitted).is_sound


def test_what_fits_stays():
    box = cube()
    ways = (box.positions / np.linalg.norm(box.positions, axis=1, keepdims=True)).astype(np.float32)
    assert refit(box, box, along=ways).positions == pytest.approx(box.positions, abs=1e-6)


def test_only_positions_change():
    coarse = replace(sphere(8, 16), uvs=np.zeros((len(sphere(8, 16).positions), 2), np.float32))
    fitted = refit(sphere(24, 48), coarse, along=coarse.positions)
    assert fitted.uvs is coarse.uvs and np.array_equal(fitted.triangles, coarse.triangles)
