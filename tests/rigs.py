"""Small skeletons and skins to assert laws on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.asset import Mesh, Skeleton
from kiln.asset.rotation import rotation_matrix
from kiln.formats.influences import tidy_influences


def skeleton(joints: int = 3) -> Skeleton:
    """A chain, each joint turned and half a metre up its parent."""
    local = np.tile(np.eye(4), (joints, 1, 1))
    local[1:, :3, :3] = rotation_matrix(np.array([0.1, 0.2, 0.3, 0.9]))
    local[1:, :3, 3] = (0.0, 0.5, 0.1)
    return Skeleton(
        names=tuple(f"joint_{n}" for n in range(joints)), parents=np.arange(-1, joints - 1, dtype=np.int32), local_matrices=local
    )


def skinned(mesh: Mesh, *, joints: int = 3, influences: int = 4) -> Mesh:
    """Random joints and weights, tidy."""
    random = np.random.default_rng(7)
    weights = -np.sort(-random.random((mesh.vertex_count, influences)), axis=1)
    numbers = np.argsort(random.random((mesh.vertex_count, max(joints, influences))), axis=1)[:, :influences]
    weights[numbers >= joints] = 0
    numbers[numbers >= joints] = 0
    numbers, weights = tidy_influences(numbers, weights, most=influences)
    return replace(mesh, joints=numbers, weights=weights)
