"""Boxiness: blocks are told from bodies, limbs and poles, and made as blocks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiln.backends.silhouette.inflate import BACK, FOOT_HEIGHT, inflate
from kiln.backends.silhouette.outline import trace_outline
from kiln.backends.silhouette.sides import measure_boxiness
from kiln.backends.silhouette.solid import half_depth, to_mesh
from kiln.geometry.normals import smooth_normals

SIZE = 240


def drawn(*polygons: list[tuple[int, int]], discs: tuple[tuple[int, int, int], ...] = ()) -> np.ndarray:
    """A matte of filled polygons and of discs (x, y, radius)."""
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(alpha, [np.array(polygon, np.int32)], 255, cv2.LINE_AA)
    for x, y, radius in discs:
        cv2.circle(alpha, (x, y), radius, 255, -1, cv2.LINE_AA)
    return alpha


HEXAGON = [(120, 10), (215, 60), (215, 175), (120, 230), (25, 175), (25, 60)]
SQUARE = drawn([(40, 40), (200, 40), (200, 200), (40, 200)])
CRATE = drawn(HEXAGON, discs=tuple((x, y, 12) for x, y in HEXAGON))
HOUSE = drawn([(50, 100), (190, 100), (190, 225), (50, 225)], [(120, 15), (215, 105), (25, 105)])
FLAGGED = drawn([(40, 80), (200, 80), (200, 230), (40, 230)], [(60, 20), (66, 20), (66, 80), (60, 80)])
BALL = drawn(discs=((120, 120, 100),))
POLE = drawn([(110, 10), (130, 10), (130, 230), (110, 230)])
PERSON = drawn(
    [(25, 85), (215, 85), (215, 110), (25, 110)],
    *([(x, 140), (x + 25, 140), (x + 25, 230), (x, 230)] for x in (85, 130)),
    discs=((120, 40, 28), (120, 115, 48)),
)
HAMMER = drawn([(114, 60), (126, 60), (126, 235), (114, 235)], [(75, 15), (165, 15), (165, 65), (75, 65)])


@pytest.mark.parametrize("alpha", [SQUARE, CRATE, HOUSE, FLAGGED], ids=["square", "crate", "house", "flagged box"])
def test_blocks_are_boxy(alpha: np.ndarray) -> None:
    measured = measure_boxiness(trace_outline(alpha))
    assert measured.overall > 0.8
    assert measured.field[tuple(n // 2 for n in measured.field.shape)] > 0.8


@pytest.mark.parametrize("alpha", [BALL, POLE, PERSON, HAMMER], ids=["ball", "pole", "person", "hammer"])
def test_bodies_and_poles_are_not(alpha: np.ndarray) -> None:
    assert measure_boxiness(trace_outline(alpha)).field.max() < 0.1


def test_a_turned_square_is_as_boxy() -> None:
    turned = cv2.warpAffine(SQUARE, cv2.getRotationMatrix2D((120, 120), 33, 0.8), (SIZE, SIZE))
    assert measure_boxiness(trace_outline(turned)).overall == pytest.approx(measure_boxiness(trace_outline(SQUARE)).overall, abs=0.02)


def test_boxiness_zero_is_the_round_body_above_its_feet() -> None:
    outline = trace_outline(CRATE)
    plain, asked = (inflate(outline, spacing=0.01, boxiness=b) for b in (None, measure_boxiness(outline, asked=0.0)))
    above = plain.grid.inside & (plain.grid.y() > FOOT_HEIGHT)
    np.testing.assert_allclose(asked.squared[above], plain.squared[above], atol=1e-6)


def test_a_block_is_full_soon_after_its_rim_and_chunky() -> None:
    """Nine tenths of its depth over most of its area, where the round body has it over a third."""
    outline = trace_outline(SQUARE)
    block, body = (half_depth(inflate(outline, spacing=0.01, boxiness=measure_boxiness(outline, asked=b))) for b in (1.0, 0.0))
    full = [(depth > 0.9 * depth.max()).sum() / (depth > 0).sum() for depth in (block, body)]
    assert full[0] > 0.75 > 0.4 > full[1]
    assert 0.7 < (1 + BACK) * block.max() < 0.9


def test_a_blocks_side_view_reaches_its_corners() -> None:
    """A tenth of the height below the top, a crate seen from the side has nearly all of its depth; as a round body it had half."""
    outline = trace_outline(SQUARE)
    depth = half_depth(inflate(outline, spacing=0.01, boxiness=measure_boxiness(outline)))
    profile = depth.max(axis=0)
    rows = np.flatnonzero(profile)
    assert profile[rows[len(rows) // 10]] > 0.9 * profile.max()


def test_a_flag_on_a_box_stays_thin() -> None:
    outline = trace_outline(FLAGGED)
    solid = inflate(outline, spacing=0.005, boxiness=measure_boxiness(outline))
    pole = half_depth(solid)[:, -20]
    assert 0 < pole.max() < 0.2 * half_depth(solid).max()


@pytest.mark.parametrize("alpha", [SQUARE, CRATE, HOUSE, FLAGGED], ids=["square", "crate", "house", "flagged box"])
def test_a_block_is_closed_and_smooth_on_its_plateau(alpha: np.ndarray) -> None:
    outline = trace_outline(alpha)
    solid = inflate(outline, spacing=0.012, boxiness=measure_boxiness(outline))
    mesh = to_mesh(solid)
    assert mesh.vertex_count - mesh.triangle_count // 2 == 2
    middle = (np.abs(mesh.positions[:, :2] - (0, 0.45)) < 0.15).all(axis=1)
    lean = np.hypot(*smooth_normals(mesh)[middle, :2].T)
    assert np.degrees(np.arcsin(lean.max())) < 6


def test_thickness_multiplies_a_blocks_depth() -> None:
    outline = trace_outline(CRATE)
    measured = measure_boxiness(outline)
    one, two = (half_depth(inflate(outline, spacing=0.02, thickness=t, boxiness=measured)) for t in (1.0, 2.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-4)


def test_a_figure_stands_on_feet_that_point_forward() -> None:
    outline = trace_outline(PERSON)
    plain, standing = (inflate(outline, spacing=0.01, boxiness=b) for b in (None, measure_boxiness(outline)))
    low, high = (np.abs(standing.grid.y()[0] - y).argmin() for y in (0.05, 0.5))
    assert half_depth(standing)[:, low].max() > 1.2 * half_depth(plain)[:, low].max()
    np.testing.assert_allclose(half_depth(standing)[:, high], half_depth(plain)[:, high], atol=1e-4)
    assert standing.middle is not None
    assert plain.middle is not None
    assert (standing.middle - plain.middle)[0, low] > 0.01


def test_neither_a_block_nor_a_pole_has_feet() -> None:
    for alpha in (SQUARE, POLE):
        outline = trace_outline(alpha)
        middle = inflate(outline, spacing=0.01, boxiness=measure_boxiness(outline)).middle
        assert middle is not None
        assert np.abs(middle).max() < 1e-6
