"""UASTC LDR 4x4 blocks (Binomial's "UASTC LDR 4x4 Texture Specification"): 16 texels in 128 bits that become BC7, ASTC or ETC at loading.

Of UASTC's 19 modes those are used that gain most: one colour (8); one line through colour space (0 and 5, with alpha 10 and 12); one for
all channels but one, and that one by itself (6, with alpha 11); one for each of two parts of the block (2 and 4, with alpha 9). Modes of
one line are tried first, the others only where a block is not yet good.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from kiln.kernels import compiled, in_threads, inner
from kiln.kernels.uastc_fit import best_pattern, decode, fit
from kiln.kernels.uastc_hints import alpha_hint, etc1_hint, solid_etc1_hint
from kiln.kernels.uastc_tables import (
    ANCHORS,
    PATTERNS,
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

_HUGE = 1 << 60


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
        is_solid, is_opaque = True, True
        for texel in range(16):
            for k in range(4):
                block[texel, k] = texels[i, texel, k]
                is_solid = is_solid and texels[i, texel, k] == texels[i, 0, k]
            is_opaque = is_opaque and texels[i, texel, 3] == 255
        if is_solid:
            _write_solid(block[0], blocks[i])
        else:
            _encode(block, is_opaque, blocks[i])


@inner
def _encode(block: np.ndarray, is_opaque: bool, out: np.ndarray) -> None:
    """The block in the mode that comes nearest."""
    best, best_mode, best_plane, best_pattern_number = _HUGE, 0, -1, -1
    codes, weights = np.zeros((2, 4, 2), np.int64), np.zeros((16, 2), np.int64)
    best_codes, best_weights = np.zeros((2, 4, 2), np.int64), np.zeros((16, 2), np.int64)
    pattern = -1
    for mode in range(0 if is_opaque else _OPAQUE_MODES, _OPAQUE_MODES if is_opaque else len(_MODES)):
        kind, channels = _MODES[mode, _KIND], _MODES[mode, _CHANNELS]
        if kind != _ONE_LINE and best <= _GOOD:
            continue
        if kind == _TWO_PARTS and pattern < 0:
            pattern = best_pattern(block, channels)
        for plane in range(channels if kind == _TWO_PLANES else 1):
            second = plane if kind == _TWO_PLANES else -1
            parts = pattern if kind == _TWO_PARTS else -1
            error = _try(block, mode, second, parts, codes, weights)
            if error < best:
                best, best_mode, best_plane, best_pattern_number = error, mode, second, parts
                best_codes[:], best_weights[:] = codes, weights
    _write(block, best_mode, best_plane, best_pattern_number, best_codes, best_weights, out)


@inner
def _try(block: np.ndarray, mode: int, second: int, pattern: int, codes: np.ndarray, weights: np.ndarray) -> int:
    """Fit codes (2, 4, 2) and weights (16, 2) to the block; the squared error. `second` is the channel with a plane of its own, or -1."""
    bits, row, channels = _MODES[mode, _WEIGHT_BITS], _MODES[mode, _RANGE], _MODES[mode, _CHANNELS]
    if pattern >= 0:
        first_part = fit(block, PATTERNS[pattern], 0, channels, -1, bits, row, codes[0], weights[:, 0])
        return first_part + fit(block, PATTERNS[pattern], 1, channels, -1, bits, row, codes[1], weights[:, 0])
    whole = np.zeros(16, np.uint8)
    error = fit(block, whole, 0, channels, second, bits, row, codes[0], weights[:, 0])
    if second >= 0:
        error += fit(block, whole, 0, -1, second, bits, row, codes[0], weights[:, 1])
    return error


@inner
def _put(out: np.ndarray, at: int, value: int, bits: int) -> int:
    """Write the lowest bits of a value from bit `at` on; the bit behind them."""
    for bit in range(bits):
        if value >> bit & 1:
            out[(at + bit) >> 3] |= np.uint8(1 << ((at + bit) & 7))
    return at + bits


@inner
def _write_solid(color: np.ndarray, out: np.ndarray) -> None:
    at = _put(out, 0, _SOLID_PREFIX, _SOLID_PREFIX_BITS)
    for k in range(4):
        at = _put(out, at, color[k], 8)
    _put(out, at, solid_etc1_hint(color), 21)


@inner
def _write(block: np.ndarray, mode: int, second: int, pattern: int, codes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """The block's bits: mode, hints, pattern or plane, endpoints, weights. Codes and weights are turned about where an anchor needs it."""
    bits, row, channels = _MODES[mode, _WEIGHT_BITS], _MODES[mode, _RANGE], _MODES[mode, _CHANNELS]
    at = _put(out, 0, _MODES[mode, _PREFIX], _MODES[mode, _PREFIX_BITS])
    decoded = np.empty((16, 4), np.int64)
    decode(codes, weights, pattern, second, channels, bits, row, decoded)
    at = _write_hints(decoded, channels == 4, _MODES[mode, _HAS_BIAS] == 1, at, out)
    if pattern >= 0:
        at = _put(out, at, pattern, 5)
    if second >= 0:
        at = _put(out, at, second, 2)
    _normalise(pattern, second, channels, bits, codes, weights)
    at = _write_endpoints(codes, 2 if pattern >= 0 else 1, channels, row, at, out)
    for texel in range(16):
        is_anchor = texel == 0 if pattern < 0 else texel == ANCHORS[pattern, 0] or texel == ANCHORS[pattern, 1]
        for plane in range(2 if second >= 0 else 1):
            at = _put(out, at, weights[texel, plane], bits - 1 if is_anchor else bits)


@inner
def _write_hints(decoded: np.ndarray, has_alpha: bool, has_bias: bool, at: int, out: np.ndarray) -> int:
    """Hints for transcoders; those for BC1 stay off, which means that it is fitted anew."""
    hint = etc1_hint(decoded, has_bias)
    at = _put(out, at + (2 if has_bias else 1), hint, 8)
    if has_bias:
        at = _put(out, at, hint >> 8, 5)
    return _put(out, at, alpha_hint(decoded), 8) if has_alpha else at


@inner
def _normalise(pattern: int, second: int, channels: int, bits: int, codes: np.ndarray, weights: np.ndarray) -> None:
    """Swap endpoints so that every anchor's weight is in the lower half: its highest bit is not stored."""
    top = (1 << bits) - 1
    for part in range(2 if pattern >= 0 else 1):
        anchor = ANCHORS[pattern, part] if pattern >= 0 else 0
        for plane in range(2 if second >= 0 else 1):
            if weights[anchor, plane] <= top >> 1:
                continue
            for texel in range(16):
                if pattern < 0 or PATTERNS[pattern, texel] == part:
                    weights[texel, plane] = top - weights[texel, plane]
            for k in range(channels):
                if (k == second) == (plane == 1):
                    codes[part, k, 0], codes[part, k, 1] = codes[part, k, 1], codes[part, k, 0]


@inner
def _write_endpoints(codes: np.ndarray, parts: int, channels: int, row: int, at: int, out: np.ndarray) -> int:
    """Trits or quints in bundles first, then every endpoint's plain bits."""
    bits, base = RANGE_BITS[row], RANGE_BASE[row]
    count = 2 * channels * parts
    values = np.empty(count, np.int64)
    for i in range(count):
        values[i] = codes[i // (2 * channels), i // 2 % channels, i % 2]
    bundle = 5 if base == 3 else 3
    if base > 1:
        for start in range(0, count, bundle):
            stop, packed = min(start + bundle, count), 0
            for i in range(stop - 1, start - 1, -1):
                packed = packed * base + (values[i] >> bits)
            at = _put(out, at, packed, _TRIT_BITS[stop - start] if base == 3 else _QUINT_BITS[stop - start])
    for i in range(count):
        at = _put(out, at, values[i], bits)
    return at
