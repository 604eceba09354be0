"""Angles between directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32


def degrees_between(one: Float32[np.ndarray, "n 3"], other: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, " n"]:
    """Angle between unit vectors, from their chord: acos of a float32 dot product cannot see angles below 0.03 degrees."""
    chord = np.linalg.norm(one - other, axis=1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, np.float32(1))))
