"""The child process's side of convex decomposition. It imports nothing but CoACD and numpy, so that the child starts quickly."""

from __future__ import annotations

import coacd
import numpy as np


def decompose(positions: np.ndarray, triangles: np.ndarray, *, concavity: float, most: int) -> list[np.ndarray]:
    """Corner points (n, 3) float64 of at most `most` convex parts: CoACD (Wei et al. 2022).

    positions (V, 3) float64; triangles (F, 3) int32, best closed and at most 1,000: time grows with their number. Open or non-manifold
    meshes are first remeshed as voxels. concavity is what a part may keep, 0.01 to 1 of a unit box.
    """
    coacd.set_log_level("off")
    parts = coacd.run_coacd(
        coacd.Mesh(positions, triangles),
        threshold=concavity,
        max_convex_hull=most,
        preprocess_resolution=20,
        resolution=1000,
        mcts_nodes=10,
        mcts_iterations=30,
        seed=0,
    )
    return [np.asarray(points) for points, _ in parts]
