"""The grid against TRELLIS.2's rule in a few slow lines."""

from __future__ import annotations

import numpy as np
import pytest

from kiln.asset import Voxels
from kiln.geometry.voxel_grid import VoxelGrid

RANDOM = np.random.default_rng(3)
ORIGIN, SIZE = (-0.5, -0.25, 1.0), 1 / 16


def some_voxels(count: int = 400) -> Voxels:
    cells = np.unique(RANDOM.integers(-3, 9, (count, 3)).astype(np.int32), axis=0)
    values = RANDOM.random((len(cells), 2)).astype(np.float32) * 1.4 - 0.2
    return Voxels(cells=cells, values=values, layout=("red", "metallic"), origin=ORIGIN, size=SIZE)


def by_the_rule(voxels: Voxels, point: np.ndarray) -> np.ndarray | None:
    q = (point.astype(np.float64) - voxels.origin) / voxels.size
    weight = np.prod(np.maximum(0, 1 - np.abs(q - voxels.cells - 0.5)), axis=1)
    return np.clip(weight @ voxels.values / weight.sum(), 0, 1) if weight.sum() > 1e-9 else None


def test_sampling_follows_the_rule_and_overshoot_is_clipped() -> None:
    voxels = some_voxels()
    points = (np.array(ORIGIN) + RANDOM.uniform(-2, 8, (500, 3)) * SIZE).astype(np.float32)
    found = VoxelGrid(voxels).sample(points)
    wanted = [by_the_rule(voxels, point) for point in points]
    near = np.array([value is not None for value in wanted])
    assert near.sum() > 300
    assert np.allclose(found[near], [value for value in wanted if value is not None], atol=1e-4)
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("spread", [3.0, 60.0])
def test_points_without_neighbours_take_the_nearest_cell(spread: float) -> None:
    """Within the shells that the kernel searches, and far beyond them."""
    voxels = some_voxels(30)
    points = (np.array(ORIGIN) + RANDOM.uniform(-spread, 6 + spread, (300, 3)) * SIZE).astype(np.float32)
    found = VoxelGrid(voxels).sample(points)
    q = (points.astype(np.float64) - ORIGIN) / SIZE
    lonely = np.array([by_the_rule(voxels, point) is None for point in points])
    assert lonely.sum() > 100
    nearest = np.linalg.norm(q[:, None] - voxels.cells - 0.5, axis=2).argmin(axis=1)
    assert np.allclose(found[lonely], np.clip(voxels.values[nearest[lonely]], 0, 1))


def test_of_equal_cells_the_first_counts() -> None:
    twice = Voxels(cells=np.zeros((2, 3), np.int32), values=np.array([[0.25], [0.75]], np.float32), layout=("alpha",), size=1.0)
    assert VoxelGrid(twice).sample(np.full((1, 3), 0.5, np.float32)) == pytest.approx(0.25)


def test_a_grid_that_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        VoxelGrid(Voxels(cells=np.zeros((1, 3), np.int32), values=np.zeros((1, 2), np.float32), layout=("red",), size=1.0))
