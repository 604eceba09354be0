"""What a UASTC block says in advance to those who turn it into ETC1 or ETC2, so that they need not search."""

from __future__ import annotations

import numpy as np

from kiln.kernels import inner
from kiln.kernels.uastc_tables import EAC_MODIFIERS, ETC1_MODIFIERS

_NO_BIAS = 13
"""The bias that leaves both base colours as they are, unless a channel is 0 or full."""

_SPECIAL_BIAS = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 15 | 0b1111 << 18 | 1 << 24
"""A bit for each bias that means something else than three shifts of -1, 0 or +1 as the digits of a number to the base 3."""

_HUGE = 1 << 60


@inner
def _luma(red: int, green: int, blue: int) -> int:
    """Brightness in 256ths, by Rec. 709's weights, as transcoders choose ETC1's selectors."""
    return 54 * red + 183 * green + 19 * blue


@inner
def _expanded(value: int, limit: int) -> int:
    """8 bits of a channel of 4 or 5."""
    return value << 3 | value >> 2 if limit == 31 else value * 17


@inner
def _clamped(value: int) -> int:
    return min(max(value, 0), 255)


@inner
def _shifted(value: int, delta: int, limit: int) -> int:
    """A channel of a base colour under a bias: as transcoders do it, 0 and the limit move one step further inwards."""
    if value == 0:
        return delta + 1
    if value == limit:
        return value + delta - 1
    moved = value + delta
    return value - delta if moved < 0 or moved > limit else moved


@inner
def solid_etc1_hint(block: np.ndarray) -> int:
    """The 21 bits by which one colour becomes an ETC1 block: difference bit, table, selector from dark to bright, base."""
    best, hint = _HUGE, 0
    for table in range(8):
        for selector in range(4):
            modifier = ETC1_MODIFIERS[table, 1 if selector % 3 == 0 else 0] * (-1 if selector < 2 else 1)
            error, found = 0, 1 | table << 1 | selector << 4
            for k in range(3):
                nearest, at = _HUGE, 0
                guess = (block[0, k] - modifier) * 31 // 255
                for value in range(min(max(guess - 1, 0), 31), min(max(guess + 2, 0), 31) + 1):
                    off = abs(_clamped(_expanded(value, 31) + modifier) - block[0, k])
                    if off < nearest:
                        nearest, at = off, value
                error += nearest * nearest
                found |= at << (6 + 5 * k)
            if error < best:
                best, hint = error, found
    return hint


@inner
def _half(texel: int, flip: int) -> int:
    """In which half of the block a texel lies: 0 left, 1 right; with flip 0 above, 1 below."""
    return texel >> 3 if flip else texel >> 1 & 1


@inner
def _bases(decoded: np.ndarray, flip: int, limit: int, bias: int, bases: np.ndarray) -> None:
    """Fill bases (2, 3), 8 bits, with the halves' colours as a transcoder computes them; a bias below 0 is none."""
    for half in range(2):
        for k in range(3):
            bases[half, k] = 0
    for texel in range(16):
        for k in range(3):
            bases[_half(texel, flip), k] += decoded[texel, k]
    divisor = 1
    for k in range(3):
        for half in range(2):
            value = (bases[half, k] * limit + 1020) // 2040
            bases[half, k] = _shifted(value, bias // divisor % 3 - 1, limit) if bias >= 0 else value
        if limit == 31:  # the second colour is a small difference from the first
            bases[1, k] = bases[0, k] + min(max(bases[1, k] - bases[0, k], -4), 3)
        for half in range(2):
            bases[half, k] = _expanded(bases[half, k], limit)
        divisor *= 3


@inner
def _table(decoded: np.ndarray, flip: int, half: int, bases: np.ndarray) -> tuple[int, int]:
    """The modifiers that come nearest to half a block around its base colour, and their squared error.

    Which modifier a texel gets depends on its brightness alone, as transcoders do it.
    """
    lumas = np.empty(4, np.int64)
    best, found = _HUGE, 0
    for table in range(8):
        for level in range(4):
            shift = _modifier(table, level)
            lumas[level] = _luma(_clamped(bases[half, 0] + shift), _clamped(bases[half, 1] + shift), _clamped(bases[half, 2] + shift))
        error = 0
        for texel in range(16):
            if _half(texel, flip) == half and error < best:
                shift = _modifier(table, _nearest_level(decoded, texel, lumas))
                for k in range(3):
                    off = decoded[texel, k] - _clamped(bases[half, k] + shift)
                    error += off * off
        if error < best:
            best, found = error, table
    return found, best


@inner
def _modifier(table: int, level: int) -> int:
    """Small and large brighter, small and large darker."""
    return ETC1_MODIFIERS[table, level & 1] * (1 if level < 2 else -1)


@inner
def _nearest_level(decoded: np.ndarray, texel: int, lumas: np.ndarray) -> int:
    luma = _luma(decoded[texel, 0], decoded[texel, 1], decoded[texel, 2])
    nearest, found = _HUGE, 0
    for level in range(4):
        off = abs(luma - lumas[level])
        if off < nearest:
            nearest, found = off, level
    return found


@inner
def _wanted_bias(decoded: np.ndarray, flip: int, limit: int, bases: np.ndarray) -> int:
    """The bias under which channels that are 0 or full stay so."""
    _bases(decoded, flip, limit, -1, bases)
    bias = 0
    for k in range(3):
        low, high = min(bases[0, k], bases[1, k]), max(bases[0, k], bases[1, k])
        digit = 0 if low == 0 else (2 if high == 255 else 1)
        bias += digit * (1 if k == 0 else (3 if k == 1 else 9))
    return _NO_BIAS if _SPECIAL_BIAS >> bias & 1 else bias


@inner
def etc1_hint(decoded: np.ndarray, has_bias: bool) -> int:
    """Flip, difference bit, both halves' tables (3 bits each), and above those 8 bits the bias. decoded (16, 4) int64."""
    bases = np.empty((2, 3), np.int64)
    best, hint = _HUGE, 0
    for choice in range(4):
        flip, is_difference = choice & 1, choice >> 1
        limit = 31 if is_difference else 15
        bias = _wanted_bias(decoded, flip, limit, bases) if has_bias else -1
        _bases(decoded, flip, limit, bias, bases)
        first, first_error = _table(decoded, flip, 0, bases)
        second, second_error = _table(decoded, flip, 1, bases)
        if first_error + second_error < best:
            best = first_error + second_error
            hint = choice | first << 2 | second << 5 | max(bias, 0) << 8
    return hint


@inner
def alpha_hint(decoded: np.ndarray) -> int:
    """ETC2's table of alpha modifiers (4 bits) and above it their multiplier, at least 1. decoded (16, 4) int64."""
    low, high = 255, 0
    for texel in range(16):
        low, high = min(low, decoded[texel, 3]), max(high, decoded[texel, 3])
    best, hint = _HUGE, 13 | 1 << 4
    for table in range(16):
        lowest, span = EAC_MODIFIERS[table, 3], EAC_MODIFIERS[table, 7] - EAC_MODIFIERS[table, 3]
        center = int(np.floor(low + (high - low) * (-lowest / span) + 0.5))
        multiplier = min(max(int(np.floor((high - low) / span + 0.5)), 1), 15)
        error = 0
        for texel in range(16):
            nearest = _HUGE
            for level in range(8):
                nearest = min(nearest, abs(_clamped(center + EAC_MODIFIERS[table, level] * multiplier) - decoded[texel, 3]))
            error += nearest * nearest
        if error < best:
            best, hint = error, table | multiplier << 4
    return hint
