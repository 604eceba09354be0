"""Relaxing along the surface: a sphere stays a sphere, slivers open up."""

from __future__ import annotations

import numpy as np

from kiln.geometry.polygonize import polygonize
from kiln.geometry.relax import relax_along_surface
from kiln.geometry.vectors import face_vectors
from shapes import sphere


def ball() -> np.ndarray:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, 31, dtype=np.float32),) * 3, indexing="ij")
    return 0.77 - np.sqrt(x**2 + y**2 + z**2)


def test_slivers_open_and_the_sphere_keeps_its_radius() -> None:
    before = polygonize(ball(), origin=(-1.0, -1.0, -1.0), spacing=(1 / 15, 1 / 15, 1 / 15))
    after = relax_along_surface(before)
    smallest = [float(np.linalg.norm(face_vectors(mesh), axis=1).min()) for mesh in (before, after)]
    assert smallest[1] > 30 * smallest[0]
    np.testing.assert_allclose(np.linalg.norm(after.positions, axis=1), 0.77, atol=0.006)


def test_no_rounds_change_nothing() -> None:
    mesh = sphere()
    np.testing.assert_array_equal(relax_along_surface(mesh, rounds=0).positions, mesh.positions)
