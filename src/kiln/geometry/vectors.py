"""Directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_SHORTEST = 1e-30
"""A vector not longer than this has no direction: its square is lost in rounding."""


def unit_vectors(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """The vectors' directions at length 1, in their own precision; a vector without a direction stays zero."""
    length = np.sqrt(np.einsum("...k,...k->...", vectors, vectors))[..., None]
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > _SHORTEST)
