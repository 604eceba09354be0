"""The child process's side of convex decomposition. It imports nothing but CoACD and numpy, so that the child starts quickly."""

from __future__ import annotations

import coacd
import numpy as np


def decompose(positions: np.ndarray, triangles: np.ndarray, *, concavity: float, most: int) -> list[np.ndarray]:
    """Corner points (n, 3) float64 of at most `most` convex parts: CoACD (Wei et al. 2022).

    positions (V, 3) float64; triangles (F, 3) int32, manifold, at most about 1,000: time grows with their number. concavity is what a part
    may keep, 0.01 to 1 of a unit box. CoACD's own remeshing is off: it made 1,000 triangles a hundred thousand and 1 s 15 s, and open
    meshes do without. More search (60 iterations of 20 nodes) took twice as long for hulls of the same volume.
    """
    coacd.set_log_level("off")
    parts = coacd.run_coacd(
        coacd.Mesh(positions, triangles),
        threshold=concavity,
        max_convex_hull=most,
        preprocess_mode="off",
        resolution=1000,
        mcts_nodes=8,
        mcts_iterations=15,
        seed=0,
    )
    return [np.asarray(points) for points, _ in parts]
