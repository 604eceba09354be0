"""Vectors: the normals of triangles, and directions of length 1."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from kiln.asset import Mesh

_SHORTEST = 1e-30
"""A vector not longer than this has no direction: its square is lost in rounding."""


def face_vectors(mesh: Mesh) -> Float64[np.ndarray, "triangles 3"]:
    """Each triangle's normal, its length being twice the triangle's area (square metres)."""
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a)


def unit_vectors(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """The vectors' directions at length 1, in their own precision; a vector without a direction stays zero."""
    length = np.sqrt(np.einsum("...k,...k->...", vectors, vectors))[..., None]
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > _SHORTEST)
