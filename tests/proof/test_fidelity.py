from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh
from kiln.proof.fidelity import Fidelity, compare_texels
from kiln.proof.reference import Reference
from shapes import mesh


def measure_fidelity(low: Mesh, material: Material | None, source: Mesh, **others: int) -> Fidelity:
    return compare_texels(low, material, Reference(source), **others).numbers()


FLAT = np.full((32, 32, 3), (128, 128, 255), np.uint8)


def plane(*, height: float = 0.0, tilt_degrees: float = 0.0, **attributes: object) -> Mesh:
    """A metre square facing +Z, its normals tilted towards +X."""
    angle = np.radians(tilt_degrees)
    return mesh(
        [(0, 0, height), (1, 0, height), (1, 1, height), (0, 1, height)],
        [(0, 1, 2), (0, 2, 3)],
        normals=np.tile(np.float32([np.sin(angle), 0, np.cos(angle)]), (4, 1)),
        uvs=np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32),
        tangents=np.tile(np.float32([1, 0, 0, 1]), (4, 1)),
        **attributes,
    )


def encoded(tilt_degrees: float) -> Material:
    angle = np.radians(tilt_degrees)
    texel = np.round((np.array([np.sin(angle), 0, np.cos(angle)]) + 1) * 127.5).astype(np.uint8)
    return Material(normal=np.tile(texel, (32, 32, 1)))


def test_a_map_that_says_what_the_source_is_has_no_error() -> None:
    found = measure_fidelity(plane(), encoded(20), plane(tilt_degrees=20))
    assert found.unmapped_error_mean_degrees == pytest.approx(20, abs=1e-3)
    assert found.normal_error_mean_degrees == pytest.approx(0, abs=0.3)  # 8 bits
    assert found.normal_error_p95_degrees == pytest.approx(0, abs=0.3)
    assert found.ray_misses == 0


def test_a_map_that_says_the_opposite_doubles_the_error() -> None:
    found = measure_fidelity(plane(), encoded(-20), plane(tilt_degrees=20))
    assert found.normal_error_mean_degrees == pytest.approx(40, abs=0.3)


@pytest.mark.parametrize("height", [0.01, -0.01])
def test_distance_is_measured_out_and_inwards_as_a_share_of_the_diagonal(height: float) -> None:
    found = measure_fidelity(plane(), None, plane(height=height))
    assert found.distance_rms == pytest.approx(0.01 / np.sqrt(2), rel=1e-3)
    assert found.distance_max == pytest.approx(0.01 / np.sqrt(2), rel=1e-3)


def test_what_lies_too_far_away_is_missed() -> None:
    found = measure_fidelity(plane(), None, plane(height=0.2))
    assert found.ray_misses == 1
    assert found.unmapped_error_mean_degrees is None


def test_half_a_source_misses_half_the_texels() -> None:
    half = replace(plane(), positions=plane().positions * np.float32([0.5, 1, 1]))
    assert measure_fidelity(plane(), None, half, size=64).ray_misses == pytest.approx(0.5)


def test_without_map_or_tangents_there_is_no_mapped_error() -> None:
    assert measure_fidelity(plane(), None, plane()).normal_error_mean_degrees is None
    bare = replace(plane(), tangents=None)
    assert measure_fidelity(bare, Material(normal=FLAT), plane()).normal_error_mean_degrees is None


def test_a_flipped_tangent_space_is_noticed() -> None:
    turned = replace(plane(), tangents=np.tile(np.float32([-1, 0, 0, 1]), (4, 1)))
    assert measure_fidelity(turned, encoded(20), plane(tilt_degrees=20)).normal_error_mean_degrees == pytest.approx(40, abs=0.3)


def test_looking_twice_gives_the_same_numbers() -> None:
    assert measure_fidelity(plane(), encoded(5), plane(tilt_degrees=3), size=512) == measure_fidelity(
        plane(), encoded(5), plane(tilt_degrees=3), size=512
    )
