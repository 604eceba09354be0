"""UASTC LDR 4x4 blocks (Binomial's "UASTC LDR 4x4 Texture Specification"): 16 texels in 128 bits that become BC7, ASTC or ETC at loading.

Of UASTC's 19 modes those are used that gain most: one colour (8); one line through colour space (0 and 5, with alpha 10 and 12); one for
all channels but one, and that one by itself (6, with alpha 11); one for each of two parts of the block (2 and 4, with alpha 9). Modes of
one line are tried first, the others only where a block is not yet good.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from jaxtyping import UInt8

from kiln.kernels import compiled, in_threads, inner
from kiln.kernels.uastc_fit import best_pattern, decode, fit, is_in
from kiln.kernels.uastc_hints import alpha_hint, etc1_hint, solid_etc1_hint
from kiln.kernels.uastc_tables import (
    ANCHORS,
    RANGE_16,
    RANGE_40,
    RANGE_48,
    RANGE_160,
    RANGE_192,
    RANGE_256,
    RANGE_BASE,
    RANGE_BITS,
)

_GOOD = 48
"""Squared error of a block from which down it is left as it is: one level in each channel of each texel."""

_ONE_LINE, _TWO_PLANES, _TWO_PARTS = range(3)

_PREFIX, _PREFIX_BITS, _WEIGHT_BITS, _RANGE, _CHANNELS, _KIND, _HAS_BIAS = range(7)

_MODES = np.array(
    [
        (0x01, 4, 4, RANGE_192, 3, _ONE_LINE, 1),  # mode 0
        (0x0B, 5, 3, RANGE_256, 3, _ONE_LINE, 1),  # mode 5
        (0x1B, 5, 2, RANGE_160, 3, _TWO_PLANES, 1),  # mode 6
        (0x1D, 5, 3, RANGE_16, 3, _TWO_PARTS, 1),  # mode 2
        (0x13, 5, 2, RANGE_40, 3, _TWO_PARTS, 1),  # mode 4
        (0x02, 3, 4, RANGE_48, 4, _ONE_LINE, 0),  # mode 10
        (0x06, 3, 3, RANGE_192, 4, _ONE_LINE, 0),  # mode 12
        (0x00, 2, 2, RANGE_48, 4, _TWO_PLANES, 0),  # mode 11
        (0x0F, 5, 2, RANGE_16, 4, _TWO_PARTS, 1),  # mode 9
    ]
)
_OPAQUE_MODES = 5

_SOLID_PREFIX, _SOLID_PREFIX_BITS = 0x17, 5

_TRIT_BITS = np.array([0, 2, 4, 5, 7, 8])
_QUINT_BITS = np.array([0, 3, 5, 7])
"""Bits that so many trits or quints take together."""

_HUGE = 1e300

# With plain numbers numba would compile the functions that get them a second time, for the constants: 4 of 14 seconds.
_ZERO, _NONE, _TRUE = cast("int", np.int64(0)), cast("int", np.int64(-1)), cast("bool", np.bool_(True))


def encode_uastc(texels: UInt8[np.ndarray, "blocks 16 4"]) -> UInt8[np.ndarray, "blocks 16"]:
    """A block of 128 bits for each 4 x 4 texels, row by row."""
    blocks = np.zeros((len(texels), 16), np.uint8)
    in_threads(lambda start, stop: encode_blocks(texels[start:stop], blocks[start:stop]), len(texels), at_least=256)
    return blocks


@compiled
def encode_blocks(texels: np.ndarray, blocks: np.ndarray) -> None:
    """Fill blocks (N, 16) uint8, which is zero, from texels (N, 16, 4) uint8."""
    block = np.empty((16, 4), np.int64)
    for i in range(len(texels)):
        is_solid, is_opaque = _TRUE, _TRUE
        for texel in range(16):
            for k in range(4):
                block[texel, k] = texels[i, texel, k]
                is_solid = is_solid and block[texel, k] == block[0, k]
            is_opaque = is_opaque and block[texel, 3] == 255
        if is_solid:
            _write_solid(block, blocks, i)
        else:
            _encode(block, is_opaque, blocks, i)


@inner
def _encode(block: np.ndarray, is_opaque: bool, blocks: np.ndarray, i: int) -> None:
    """The block in the mode that comes nearest."""
    codes, weights = np.empty((2, 4, 2), np.int64), np.empty((16, 4), np.int64)
    best_codes, best_weights = np.empty((2, 4, 2), np.int64), np.empty((16, 4), np.int64)
    channels = np.empty(4, np.int64)
    best, pattern = _HUGE, _NONE
    best_mode, best_second, best_parts = _NONE, _NONE, _NONE
    for mode in range(0 if is_opaque else _OPAQUE_MODES, _OPAQUE_MODES if is_opaque else len(_MODES)):
        kind, width = _MODES[mode, _KIND], _MODES[mode, _CHANNELS]
        if kind != _ONE_LINE and best <= _GOOD:
            continue
        if kind == _TWO_PARTS and pattern < 0:
            pattern = best_pattern(block, width)
        for plane in range(width if kind == _TWO_PLANES else 1):
            second = plane if kind == _TWO_PLANES else -1
            parts = pattern if kind == _TWO_PARTS else -1
            error = _try(block, mode, second, parts, channels, codes, weights)
            if error < best:
                best, best_mode, best_second, best_parts = error, mode, second, parts
                _copy(codes, weights, best_codes, best_weights)
    _write(best_mode, best_second, best_parts, best_codes, best_weights, blocks, i)


@inner
def _copy(codes: np.ndarray, weights: np.ndarray, to_codes: np.ndarray, to_weights: np.ndarray) -> None:
    for k in range(4):
        for texel in range(16):
            to_weights[texel, k] = weights[texel, k]
        for part in range(2):
            for end in range(2):
                to_codes[part, k, end] = codes[part, k, end]


@inner
def _try(block: np.ndarray, mode: int, second: int, pattern: int, channels: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Fill codes (2, 4, 2) and weights (16, 4); the squared error. `second` is the channel with weights of its own, -1 for none.

    What is not tried as one line is two: of two parts, or of two sets of channels.
    """
    bits, row, width = _MODES[mode, _WEIGHT_BITS], _MODES[mode, _RANGE], _MODES[mode, _CHANNELS]
    error = 0.0
    for line in range(1 if pattern < 0 and second < 0 else 2):
        count = _ZERO
        for k in range(width):
            if second < 0 or (k == second) == (line == 1):
                channels[count] = k
                count += 1
        error += fit(block, pattern, line if pattern >= 0 else 0, channels, count, bits, row, codes, weights)
    return error


@inner
def _put(blocks: np.ndarray, i: int, at: int, value: int, bits: int) -> int:
    """Write the lowest bits of a value into a block from bit `at` on; the bit behind them."""
    for bit in range(bits):
        if value >> bit & 1:
            blocks[i, (at + bit) >> 3] |= 1 << ((at + bit) & 7)
    return at + bits


@inner
def _write_solid(block: np.ndarray, blocks: np.ndarray, i: int) -> None:
    at = _put(blocks, i, 0, _SOLID_PREFIX, _SOLID_PREFIX_BITS)
    for k in range(4):
        at = _put(blocks, i, at, block[0, k], 8)
    _put(blocks, i, at, solid_etc1_hint(block), 21)


@inner
def _write(mode: int, second: int, pattern: int, codes: np.ndarray, weights: np.ndarray, blocks: np.ndarray, i: int) -> None:
    """The block's bits: mode, hints, pattern or plane, endpoints, weights. Codes and weights are turned about where an anchor needs it."""
    bits, row, width = _MODES[mode, _WEIGHT_BITS], _MODES[mode, _RANGE], _MODES[mode, _CHANNELS]
    decoded = np.empty((16, 4), np.int64)
    decode(codes, weights, pattern, width, bits, row, decoded)
    at = _put(blocks, i, 0, _MODES[mode, _PREFIX], _MODES[mode, _PREFIX_BITS])
    at = _write_hints(decoded, width == 4, _MODES[mode, _HAS_BIAS] == 1, blocks, i, at)
    if pattern >= 0:
        at = _put(blocks, i, at, pattern, 5)
    if second >= 0:
        at = _put(blocks, i, at, second, 2)
    _normalise(pattern, width, bits, codes, weights)
    at = _write_endpoints(codes, 2 if pattern >= 0 else 1, width, row, blocks, i, at)
    for texel in range(16):
        stored = bits - 1 if _is_anchor(texel, pattern) else bits
        at = _put(blocks, i, at, weights[texel, 1 if second == 0 else 0], stored)
        if second >= 0:
            at = _put(blocks, i, at, weights[texel, second], stored)


@inner
def _is_anchor(texel: int, pattern: int) -> bool:
    """Whether the texel's weight is stored without its highest bit, which is 0."""
    return texel == 0 if pattern < 0 else texel == ANCHORS[pattern, 0] or texel == ANCHORS[pattern, 1]


@inner
def _write_hints(decoded: np.ndarray, has_alpha: bool, has_bias: bool, blocks: np.ndarray, i: int, at: int) -> int:
    """Hints for transcoders; those for BC1 stay off, which means that it is fitted anew."""
    hint = etc1_hint(decoded, has_bias)
    at = _put(blocks, i, at + (2 if has_bias else 1), hint, 8)
    if has_bias:
        at = _put(blocks, i, at, hint >> 8, 5)
    return _put(blocks, i, at, alpha_hint(decoded), 8) if has_alpha else at


@inner
def _normalise(pattern: int, width: int, bits: int, codes: np.ndarray, weights: np.ndarray) -> None:
    """Swap the ends of lines so that every anchor's weight is in the lower half."""
    top = (1 << bits) - 1
    for part in range(2 if pattern >= 0 else 1):
        anchor = ANCHORS[pattern, part] if pattern >= 0 else 0
        for k in range(width):
            if weights[anchor, k] > top >> 1:
                codes[part, k, 0], codes[part, k, 1] = codes[part, k, 1], codes[part, k, 0]
                for texel in range(16):
                    if is_in(texel, pattern, part):
                        weights[texel, k] = top - weights[texel, k]


@inner
def _write_endpoints(codes: np.ndarray, parts: int, width: int, row: int, blocks: np.ndarray, i: int, at: int) -> int:
    """Trits or quints in bundles first, then every endpoint's plain bits."""
    bits, base = RANGE_BITS[row], RANGE_BASE[row]
    count, bundle = 2 * width * parts, 5 if base == 3 else 3
    values = np.empty(16, np.int64)
    for number in range(count):
        values[number] = codes[number // (2 * width), number // 2 % width, number % 2]
    for start in range(0, count if base > 1 else 0, bundle):
        stop, packed = min(start + bundle, count), 0
        for number in range(stop - 1, start - 1, -1):
            packed = packed * base + (values[number] >> bits)
        at = _put(blocks, i, at, packed, _TRIT_BITS[stop - start] if base == 3 else _QUINT_BITS[stop - start])
    for number in range(count):
        at = _put(blocks, i, at, values[number], bits)
    return at
