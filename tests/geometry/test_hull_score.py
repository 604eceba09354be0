from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Mesh
from kiln.geometry.convex import hull_mesh
from kiln.geometry.hull_errors import hull_errors
from kiln.geometry.hull_score import HullScore
from kiln.geometry.inside import Heights
from kiln.geometry.slim_hull import Slim
from shapes import cube, sphere


def slim(body: Mesh, scale: float = 1.0, offset: tuple[float, float, float] = (0, 0, 0)) -> Slim:
    return Slim(corners=body.positions.astype(np.float64) * scale + offset, cost=0.0)


def honest(mesh: Mesh, slims: list[Slim]) -> float:
    """What the score means, measured exactly: errors in units of a tenth of the volume and a fiftieth of the diagonal."""
    errors = hull_errors(mesh, [hull_mesh(one.corners) for one in slims])
    assert errors.volume_error is not None
    return errors.volume_error / 0.1 + (errors.outside + errors.uncovered) / 0.02


@pytest.mark.parametrize(
    "slims",
    [[slim(cube(), 1.1)], [slim(cube(), 0.8)], [slim(cube(), 1.0, (0.2, 0, 0))], [slim(cube(0.6), 1, (x, 0, 0)) for x in (-0.3, 0.3)]],
)
def test_the_quick_score_is_near_the_exact_one(slims):
    assert HullScore(cube(), Heights(cube())).badness(slims) == pytest.approx(honest(cube(), slims), rel=0.35, abs=0.5)


def test_a_body_is_nearly_perfect_for_itself_and_better_than_any_other_size():
    score = HullScore(sphere(), Heights(sphere()))
    perfect = score.badness([slim(sphere())])
    assert perfect < 0.5 and perfect < min(score.badness([slim(sphere(), scale)]) for scale in (0.9, 1.1))


def test_a_second_hull_within_the_first_changes_nothing():
    score = HullScore(cube(), Heights(cube()))
    assert score.badness([slim(cube(), 1.1), slim(cube(), 0.5)]) == score.badness([slim(cube(), 1.1)])
