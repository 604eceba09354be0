"""The sRGB curve (IEC 61966-2-1), exact: what every table of encoded and linear colour is made from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def decode_srgb(encoded: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Linear light, 0 to 1, of sRGB-encoded values, 0 to 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode_srgb(linear: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """sRGB-encoded values, 0 to 1, of linear light, 0 to 1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
