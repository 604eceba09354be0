"""Vertex colours at the border: sRGB bytes inside Kiln, linear 16-bit numbers in glTF."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from kiln.asset.srgb import decode_srgb, encode_srgb


def to_linear(colors: UInt8[np.ndarray, "n 4"]) -> UInt16[np.ndarray, "n 4"]:
    """Linear 16-bit colour of sRGB bytes; alpha is only widened. The darkest step is 20 levels wide, so the way back is exact."""
    table = np.round(decode_srgb(np.arange(256) / 255) * 65535).astype(np.uint16)
    return np.column_stack([table[colors[:, :3]], colors[:, 3].astype(np.uint16) * 257])


def from_linear(colors: Float[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 4"]:
    """sRGB bytes of linear colour, 0 to 1 (beyond is clipped); alpha stays linear."""
    linear = np.nan_to_num(colors).clip(0, 1)
    encoded = encode_srgb(linear)
    encoded[:, 3] = linear[:, 3]
    return np.round(encoded * 255).astype(np.uint8)
