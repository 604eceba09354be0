"""Vertex attributes brought into Kiln's conventions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32


def unit_rows(vectors: Float[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    """The vectors at length 1. What is not finite stays so, to be counted and refused later."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)).astype(np.float32)


def flipped_v(uvs: Float[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n 2"]:
    """UVs whose v counts from the other end of the texture: Kiln and glTF count from the top, OBJ, PLY, FBX and USD from the bottom."""
    with np.errstate(over="ignore"):  # what does not fit in float32 is counted and refused later
        return np.column_stack([uvs[:, 0], 1 - uvs[:, 1]]).astype(np.float32)
