"""meshopt's compressed streams (glTF extension EXT_meshopt_compression, ratified; version 0 of attributes, 1 of triangles).

An encoder of our own: PyPI's `meshoptimizer` is an alpha without wheels. Streams are meant to be compressed further by a web server (gzip).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Shaped, UInt32

from kiln.kernels.meshopt import GROUP, encode_attribute_blocks, encode_triangle_codes

_ATTRIBUTES_HEADER: Final = b"\xa0"
_TRIANGLES_HEADER: Final = b"\xe1"
_TABLE_CODES: Final = 14
"""Pairs of half-bytes in the triangle stream's table; its last two bytes stay 0."""


def encode_attributes(rows: Shaped[np.ndarray, "n k"]) -> bytes:
    """A stream (mode ATTRIBUTES) of the rows, whose length in bytes must be a multiple of 4, at most 256; lossless.

    Raises ValueError for another length, or without rows.
    """
    count, stride = len(rows), rows.shape[1] * rows.itemsize
    if not count or stride % 4 or not 4 <= stride <= 256:
        raise ValueError(f"meshopt takes rows of 4, 8, ... 256 bytes, not {count} of {stride}")
    raw = np.ascontiguousarray(rows).view(np.uint8)
    block = min(8192 // stride & ~(GROUP - 1), 256)
    groups = -(-count // GROUP) + -(-count // block)
    out = np.empty(groups * stride * (GROUP + 1), np.uint8)
    size = encode_attribute_blocks(raw, block, out)
    baseline = raw[0].tobytes()
    return b"".join([_ATTRIBUTES_HEADER, out[:size].tobytes(), bytes(max(0, 32 - stride)), baseline])


def encode_triangles(triangles: UInt32[np.ndarray, "n 3"]) -> bytes:
    """A stream (mode TRIANGLES) of the triangles in this order; each may begin at another of its corners, its winding stays.

    About a byte a triangle where triangles follow their neighbours and vertices are numbered in order of use.
    """
    out = np.empty(17 * len(triangles), np.uint8)
    table, uses = np.full(256, -1, np.int64), np.zeros(256, np.int64)
    wide = triangles.astype(np.int64)
    encode_triangle_codes(wide, table, uses, out)  # counts only: which pairs deserve the table does not depend on it
    pairs = _table(uses)
    table[pairs] = np.arange(_TABLE_CODES)
    size = encode_triangle_codes(wide, table, uses, out)
    return b"".join([_TRIANGLES_HEADER, out[:size].tobytes(), bytes(pairs), b"\0\0"])


def _table(uses: np.ndarray) -> list[int]:
    """The most used pairs of half-bytes; 0 always (nothing else can say it), none with a half of 15 (the standard forbids it)."""
    pairs = np.arange(256)
    allowed = pairs[(pairs >> 4 < 15) & (pairs & 15 < 15) & (pairs > 0)]
    best = allowed[np.argsort(-uses[allowed], kind="stable")][: _TABLE_CODES - 1]
    return [0, *best.tolist()]
