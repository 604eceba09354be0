"""The inner loops of meshopt's two codecs (bitstream: glTF extension EXT_meshopt_compression, appendix A)."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled, inner

GROUP = 16
"""Elements whose deltas share a width."""

_EXPLICIT = 15
"""In the half-bytes of triangle codes: the vertex, or the edge, stands in no queue."""


@inner
def _pack_group(deltas: np.ndarray, bits: int, out: np.ndarray, at: int) -> int:
    """Write 16 deltas with `bits` (2 or 4) each, first one in a byte's highest bits; those that do not fit follow as bytes."""
    escape = (1 << bits) - 1
    tail = at + 2 * bits
    for i in range(GROUP):
        value = np.int64(deltas[i])
        if i * bits % 8 == 0:
            out[at + i * bits // 8] = 0
        short = value if value < escape else escape
        out[at + i * bits // 8] |= np.uint8(short << (8 - bits - i * bits % 8))
        if value >= escape:
            out[tail] = value
            tail += 1
    return tail


@inner
def _put_group(deltas: np.ndarray, out: np.ndarray, at: int, mode: int) -> int:
    """Write 16 deltas in a mode: 0 none, 1 two bits, 2 four bits, 3 bytes; returns where the next begin."""
    if mode == 0:
        return at
    if mode == 3:
        for i in range(GROUP):
            out[at + i] = deltas[i]
        return at + GROUP
    return _pack_group(deltas, 2 if mode == 1 else 4, out, at)


@inner
def _best_mode(deltas: np.ndarray) -> int:
    """The mode that takes fewest bytes."""
    above_zero, above_two, above_four = 0, 0, 0
    for i in range(GROUP):
        above_zero += deltas[i] > 0
        above_two += deltas[i] >= 3
        above_four += deltas[i] >= 15
    if above_zero == 0:
        return 0
    two, four = 4 + above_two, 8 + above_four
    if min(two, four) >= GROUP:
        return 3
    return 1 if two <= four else 2


@compiled
def encode_attribute_blocks(rows: np.ndarray, block: int, out: np.ndarray) -> int:
    """Write all attribute blocks of `rows` after one another; returns how many bytes that took.

    rows (N, stride) uint8; block: elements in a block; out uint8 with room for 17 bytes of 16, and 1 for 4 groups. Deltas are from the
    element before, of the first one from itself (it is the baseline in the stream's tail). Elements past the end have no delta.
    """
    count, stride = rows.shape
    deltas = np.empty(GROUP, np.uint8)
    at = 0
    for first in range(0, count, block):
        last = min(first + block, count)
        groups = (last - first + GROUP - 1) // GROUP
        for k in range(stride):
            header = at
            at += (groups + 3) // 4
            for i in range(header, at):
                out[i] = 0
            for g in range(groups):
                for i in range(GROUP):
                    e = first + g * GROUP + i
                    step = np.int64(rows[e, k]) - np.int64(rows[max(e - 1, 0), k]) if e < last else 0
                    step = ((step + 128) & 255) - 128
                    deltas[i] = 2 * step if step >= 0 else -2 * step - 1
                mode = _best_mode(deltas)
                out[header + g // 4] |= np.uint8(mode << (g % 4 * 2))
                at = _put_group(deltas, out, at, mode)
    return at


@inner
def _put_index(index: int, last: int, out: np.ndarray, at: int) -> int:
    """Write an index as its zigzag difference from `last`, seven bits a byte; returns where the next begins."""
    step = ((index - last + 2**31) & 0xFFFFFFFF) - 2**31  # decoders count in 32 bits
    value = 2 * step if step >= 0 else -2 * step - 1
    while value > 127:
        out[at] = np.uint8(128 | (value & 127))
        value >>= 7
        at += 1
    out[at] = np.uint8(value)
    return at + 1


@inner
def _push_edge(edges: np.ndarray, heads: np.ndarray, a: int, b: int) -> None:
    """Queue the directed edge ab; heads[0] is how many ever were."""
    edges[heads[0] % 16, 0], edges[heads[0] % 16, 1] = a, b
    heads[0] += 1


@inner
def _push_vertex(vertices: np.ndarray, heads: np.ndarray, vertex: int) -> None:
    """Queue a vertex; heads[1] is how many ever were."""
    vertices[heads[1] % 16] = vertex
    heads[1] += 1


@inner
def _place_in_queue(vertices: np.ndarray, heads: np.ndarray, vertex: int, longest: int) -> int:
    """How many vertices were queued after this one, if fewer than `longest`; else -1."""
    for back in range(min(longest, heads[1])):
        if vertices[(heads[1] - 1 - back) % 16] == vertex:
            return back
    return -1


@inner
def _edge_in_queue(edges: np.ndarray, heads: np.ndarray, triangle: np.ndarray) -> tuple[int, int]:
    """The newest queued edge that the triangle has: how many were queued after it, and at which corner it begins; else -1, 0."""
    for back in range(min(15, heads[0])):
        slot = (heads[0] - 1 - back) % 16
        for corner in range(3):
            if edges[slot, 0] == triangle[corner] and edges[slot, 1] == triangle[(corner + 1) % 3]:
                return back, corner
    return -1, 0


@inner
def _half_code(vertices: np.ndarray, heads: np.ndarray, vertex: int, state: np.ndarray) -> int:
    """Half a byte for a corner of a lone triangle: 0 the next new vertex (which is then counted), 1 to 14 from the queue, 15 explicit."""
    if vertex == state[0]:
        state[0] += 1
        return 0
    back = _place_in_queue(vertices, heads, vertex, 14)
    return back + 1 if back >= 0 else _EXPLICIT


@inner
def _put_beside_edge(
    vertices: np.ndarray, heads: np.ndarray, state: np.ndarray, c: int, back: int, out: np.ndarray, code_at: int, at: int
) -> int:
    """Write the code of a triangle on a queued edge, and what it needs of its third corner; returns where extra data goes on."""
    place = _place_in_queue(vertices, heads, c, 13)
    if c == state[0]:
        low = 0
        state[0] += 1
    elif place > 0:
        low = place
    elif c == state[1] - 1 or c == state[1] + 1:
        low = 13 if c < state[1] else 14
        state[1] = c
    else:
        low = _EXPLICIT
        at = _put_index(c, state[1], out, at)
        state[1] = c
    if low == 0 or low > 12:
        _push_vertex(vertices, heads, c)
    out[code_at] = np.uint8(back << 4 | low)
    return at


@inner
def _put_alone(
    vertices: np.ndarray,
    heads: np.ndarray,
    state: np.ndarray,
    corners: np.ndarray,
    table: np.ndarray,
    uses: np.ndarray,
    out: np.ndarray,
    code_at: int,
    at: int,
) -> int:
    """Write the code of a triangle on no queued edge, and its explicit corners; returns where extra data goes on."""
    a, b, c = corners[0], corners[1], corners[2]
    fresh = a == state[0]
    state[0] += fresh
    high = _half_code(vertices, heads, b, state)
    low = _half_code(vertices, heads, c, state)
    if not fresh and high == 0 and low == 0:  # this code would start counting anew
        state[0] -= 1
        low = _EXPLICIT
    both = high << 4 | low
    uses[both] += fresh
    listed = table[both] if fresh else -1
    if listed >= 0:
        out[code_at] = np.uint8(0xF0 | listed)
    else:
        out[code_at] = np.uint8(0xFE if fresh else 0xFF)
        out[at] = np.uint8(both)
        at += 1
    if not fresh:
        at = _put_index(a, state[1], out, at)
        state[1] = a
    _push_vertex(vertices, heads, a)
    for half, vertex in ((high, b), (low, c)):
        if half == _EXPLICIT:
            at = _put_index(vertex, state[1], out, at)
            state[1] = vertex
        if half == 0 or half == _EXPLICIT:
            _push_vertex(vertices, heads, vertex)
    return at


@compiled
def encode_triangle_codes(triangles: np.ndarray, table: np.ndarray, uses: np.ndarray, out: np.ndarray) -> int:
    """Write one code a triangle, then their extra data; returns how many bytes that took.

    triangles (F, 3) int64; table (256,) int64: place of each pair of half-bytes in the stream's table, or -1; uses (256,) int64 counts how
    often each pair could have been taken from it; out uint8 with room for 17 bytes a triangle. Corners may be turned, winding stays.
    """
    edges, vertices = np.zeros((16, 2), np.int64), np.zeros(16, np.int64)
    heads = np.zeros(2, np.int64)  # edges and vertices ever queued
    state = np.zeros(2, np.int64)  # the next new vertex, and the last one written out
    corners = np.empty(3, np.int64)
    at = len(triangles)
    for t in range(len(triangles)):
        back, turn = _edge_in_queue(edges, heads, triangles[t])
        if back < 0:
            for k in range(3):
                turn = k if triangles[t, k] == state[0] else turn
        for k in range(3):
            corners[k] = triangles[t, (k + turn) % 3]
        a, b, c = corners[0], corners[1], corners[2]
        if back >= 0:
            at = _put_beside_edge(vertices, heads, state, c, back, out, t, at)
        else:
            at = _put_alone(vertices, heads, state, corners, table, uses, out, t, at)
            _push_edge(edges, heads, b, a)
        _push_edge(edges, heads, c, b)
        _push_edge(edges, heads, a, c)
    return at
