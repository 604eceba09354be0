"""Numbers that UASTC shares with ASTC (Khronos Data Format Specification 1.3, chapter 23) and with ETC, as tables for the kernels."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Int64

_RANGES: Final = {16: (4, 1), 40: (3, 5), 48: (4, 3), 160: (5, 5), 192: (6, 3), 256: (8, 1)}
"""Levels of an endpoint: its plain bits, and 3 or 5 where a trit or quint stands above them."""

_SPREAD: Final = {40: ("cb0000cbc", 26), 48: ("dcb000dcb", 22), 160: ("edcb0000e", 6), 192: ("fedcb000f", 5)}
"""How such an endpoint becomes 8 bits: where its plain bits stand (a is the lowest), and what a trit or quint counts."""

RANGE_BITS: Final = np.array([bits for bits, _ in _RANGES.values()])
RANGE_BASE: Final = np.array([base for _, base in _RANGES.values()])

RANGE_16, RANGE_40, RANGE_48, RANGE_160, RANGE_192, RANGE_256 = range(6)
"""Rows of the tables of endpoints."""

_PATTERN_BITS: Final = (
    *(0xCCCC, 0x8888, 0x1111, 0xECC8, 0x377F, 0xFEEC, 0x0137, 0x137F, 0xC800, 0x0013, 0xFE80, 0x17FF, 0x0017, 0x00FF, 0xFFF0),
    *(0x0FFF, 0xFF71, 0x8EFF, 0x08CE, 0x008C, 0x7310, 0xCEFF, 0x7331, 0x088C, 0xCEEF, 0x6666, 0xF00F, 0x5555, 0x0F0F, 0x36C9),
)
"""The partitions into two subsets that ASTC and BC7 both have, in UASTC's order; a bit a texel, row by row."""

ETC1_MODIFIERS: Final = np.array([(2, 8), (5, 17), (9, 29), (13, 42), (18, 60), (24, 80), (33, 106), (47, 183)], np.int64)

EAC_MODIFIERS: Final = np.array(
    [
        *[(-3, -6, -9, -15, 2, 5, 8, 14), (-3, -7, -10, -13, 2, 6, 9, 12), (-2, -5, -8, -13, 1, 4, 7, 12), (-2, -4, -6, -13, 1, 3, 5, 12)],
        *[(-3, -6, -8, -12, 2, 5, 7, 11), (-3, -7, -9, -11, 2, 6, 8, 10), (-4, -7, -8, -11, 3, 6, 7, 10), (-3, -5, -8, -11, 2, 4, 7, 10)],
        *[(-2, -6, -8, -10, 1, 5, 7, 9), (-2, -5, -8, -10, 1, 4, 7, 9), (-2, -4, -8, -10, 1, 3, 7, 9), (-2, -5, -7, -10, 1, 4, 6, 9)],
        *[(-3, -4, -7, -10, 2, 3, 6, 9), (-1, -2, -3, -10, 0, 1, 2, 9), (-4, -6, -8, -9, 3, 5, 7, 8), (-3, -5, -7, -9, 2, 4, 6, 8)],
    ],
    np.int64,
)


def _value(levels: int, code: int) -> int:
    """The 8-bit value of an endpoint's code."""
    bits, base = _RANGES[levels]
    if base == 1:
        return code * 255 // (levels - 1)
    letters, step = _SPREAD[levels]
    spread = 0
    for letter in letters:
        spread = spread << 1 | (0 if letter == "0" else code >> (ord(letter) - ord("a")) & 1)
    flip = 511 * (code & 1)
    value = ((code >> bits) * step + spread) ^ flip
    return flip & 0x80 | value >> 2


def _values() -> Int64[np.ndarray, "ranges 256"]:
    table = np.full((len(_RANGES), 256), 10_000, np.int64)
    for row, levels in enumerate(_RANGES):
        table[row, :levels] = [_value(levels, code) for code in range(levels)]
    return table


def _weights(bits: int) -> list[int]:
    """Bits repeated until 6 are full; beyond the middle one more, so that the last is 64."""
    repeated = [int((f"{number:0{bits}b}" * 6)[:6], 2) for number in range(1 << bits)]
    return [weight + (weight > 32) for weight in repeated] + [0] * (16 - (1 << bits))


ENDPOINT_VALUES: Final = _values()
"""The 8-bit value of each code; rows are ranges."""

ENDPOINT_CODES: Final = np.abs(ENDPOINT_VALUES[:, None, :] - np.arange(256)[None, :, None]).argmin(axis=2)
"""The code whose value is nearest to each 8-bit number."""

WEIGHTS: Final = np.array([_weights(bits) for bits in range(5)], np.int64)
"""By bits of a weight and its number: of 64, how much the second endpoint counts."""

PATTERNS: Final = np.array([[bits >> texel & 1 for texel in range(16)] for bits in _PATTERN_BITS])
"""Which subset each texel of a block is in."""

ANCHORS: Final = np.stack([np.argmax(np.equal(PATTERNS, subset), axis=1) for subset in (0, 1)], axis=1)
"""The first texel of each subset."""
