from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Material, Mesh
from kiln.proof.seams import measure_seams
from shapes import mesh

FLAT = np.full((64, 64, 3), (128, 128, 255), np.uint8)


def halves(*, flipped: bool = False) -> Mesh:
    """Two unit squares side by side facing +Z, meeting at x = 1; the left one has the atlas's left half, the right one its right half."""
    positions = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (1, 1, 0)]
    uvs = [(0.1, 0.9), (0.4, 0.9), (0.4, 0.1), (0.1, 0.1), (0.6, 0.9), (0.9, 0.9), (0.9, 0.1), (0.6, 0.1)]
    right = [(4, 6, 5), (4, 7, 6)] if flipped else [(4, 5, 6), (4, 6, 7)]
    return mesh(
        positions,
        [(0, 1, 2), (0, 2, 3), *right],
        normals=np.tile(np.float32([0, 0, 1]), (8, 1)),
        tangents=np.tile(np.float32([1, 0, 0, 1]), (8, 1)),
        uvs=np.array(uvs, np.float32),
    )


def coloured(left: int, right: int) -> Material:
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[:, :32, :3], pixels[:, 32:, :3] = left, right
    return Material(base_color=pixels, normal=FLAT)


def test_a_step_of_colour_is_measured_in_levels_whichever_way_the_sides_wind() -> None:
    for flipped in (False, True):
        found = measure_seams(halves(flipped=flipped), (coloured(100, 112),))
        assert (found.seam_color_delta, found.seam_color_delta_p95) == (12, 12)
        assert found.seam_normal_delta_degrees == 0


def test_points_on_both_sides_are_the_same_place() -> None:
    """A ramp along the seam differs nowhere when both sides have it, whatever its steepness."""
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[..., :3] = (np.arange(64) * 4)[:, None, None]
    for flipped in (False, True):
        assert measure_seams(halves(flipped=flipped), (Material(base_color=pixels),)).seam_color_delta_p95 <= 1


def test_half_a_seam_with_a_step_has_half_the_mean() -> None:
    material = coloured(100, 100)
    pixels = material.base_color.copy()
    pixels[:32, 32:, :3] = 140
    found = measure_seams(halves(), (replace(material, base_color=pixels),))
    assert found.seam_color_delta == pytest.approx(20, abs=0.5)
    assert found.seam_color_delta_p95 == 40


def test_a_bend_of_normals_is_measured_in_degrees() -> None:
    bent = FLAT.copy()
    bent[:, 32:] = np.round((np.array([np.sin(np.radians(10)), 0, np.cos(np.radians(10))]) + 1) * 127.5)
    assert measure_seams(halves(), (Material(normal=bent),)).seam_normal_delta_degrees == pytest.approx(10, abs=0.4)


def test_without_seams_there_is_nothing_to_measure() -> None:
    one = halves().take_triangles(np.array([0, 1]))
    assert measure_seams(one, (coloured(1, 2),)) is None
    welded = replace(halves(), uvs=halves().positions[:, :2] / 2)
    assert measure_seams(welded, (coloured(1, 2),)) is None
