"""Edge collapse on triangles over points, keeping the surface a manifold of the same kind.

Points carry positions and quadrics; corners of triangles carry wedges (vertices: a point on a UV seam has several). An edge (u, v) is
collapsed by moving u onto v. Either v then moves to the best place (subset False; wedges are ignored), or it stays where it is and u's
wedges become v's on the same side of the seam (subset True), so that all that remains is vertices of the original mesh.

Triangles around a point are a linked list of corners h = 3 t + k; dead triangles (corners[t, 0] < 0) are skipped, never unlinked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kiln.kernels import compiled, inner
from kiln.kernels.heap import pop, push
from kiln.kernels.quadric import Quadric, best_place, squared_error

EVENNESS = 1e-5
"""Cost of an edge's squared length relative to its squared error: flat regions give up their short edges first."""

_REFUSED = 16.0
"""An edge whose collapse would turn a triangle far or make a needle may still go when it is this many times cheaper than others: four
times nearer to the surface. Refusing such edges until nothing else was left kept a tube's needles and wrecked the box beside it."""

SPARE = 8192
"""When less room than this is left in the heap it is filled anew; what a collapse pushes beyond it (a point of thousands of neighbours)
waits for that."""

_LEAST_UV_AREA = 1e-9
"""Twice a UV triangle's area, in atlases: 0.002 of a texel at 2048 x 2048."""

_EQUILATERAL = 3.4641016151377544
"""Twice the area over the sum of squared edges, times this, is 1 for an equilateral triangle and 0 for a needle."""

Place = tuple[float, float, float]


HEAD, TAIL, STAMP, MARK, BORDER = range(5)
"""Columns of Surface.points: first and last corner around a point; count of its changes, so that outdated heap entries are known;
scratch; whether it is on an open edge. What a collapse needs of a point lies in one cache line."""

QUADRIC = 3
"""Where a point's quadric begins in its row of Surface.places, after its position."""


class Surface(NamedTuple):
    """The arrays that collapses work on; all are written. Each array more costs every function that takes them 0.1 s to compile."""

    places: np.ndarray  # (P, 13) float64: position and quadric
    points: np.ndarray  # (P, 5) int32: HEAD, TAIL, STAMP, MARK, BORDER
    corners: np.ndarray  # (F, 3) int32 points
    wedges: np.ndarray  # (F, 3) int32 vertices
    uvs: np.ndarray  # (V, 2) float64, or (0, 2) when there are none
    following: np.ndarray  # (3F,) int32: next corner around the same point
    matches: np.ndarray  # (2, 2) int32 scratch: wedge of u, wedge of v, on both sides of their edge


@compiled
def link_corners(s: Surface) -> None:
    """Make each point's list of corners; head and tail come filled with -1."""
    for h in range(3 * len(s.corners)):
        p = s.corners[h // 3, h % 3]
        s.following[h] = -1
        if s.points[p, HEAD] < 0:
            s.points[p, HEAD] = h
        else:
            s.following[s.points[p, TAIL]] = h
        s.points[p, TAIL] = h


@inner
def _squared_distance(s: Surface, u: int, v: int) -> float:
    """Between two points."""
    x = s.places[u, 0] - s.places[v, 0]
    y = s.places[u, 1] - s.places[v, 1]
    z = s.places[u, 2] - s.places[v, 2]
    return x * x + y * y + z * z


@inner
def _quadric(s: Surface, u: int, v: int) -> Quadric:
    """The sum of two points' quadrics."""
    q, r = s.places[u], s.places[v]
    return (
        q[3] + r[3], q[4] + r[4], q[5] + r[5], q[6] + r[6], q[7] + r[7],
        q[8] + r[8], q[9] + r[9], q[10] + r[10], q[11] + r[11], q[12] + r[12],
    )  # fmt: skip


@inner
def _place(s: Surface, q: Quadric, u: int, v: int, stays: bool) -> Place:
    """Where v goes when u is moved onto it; q is their quadric."""
    if stays:
        return s.places[v, 0], s.places[v, 1], s.places[v, 2]
    mx = (s.places[u, 0] + s.places[v, 0]) / 2
    my = (s.places[u, 1] + s.places[v, 1]) / 2
    mz = (s.places[u, 2] + s.places[v, 2]) / 2
    x, y, z = best_place(q, mx, my, mz)
    if (x - mx) ** 2 + (y - my) ** 2 + (z - mz) ** 2 > _squared_distance(s, u, v):  # a spike: nearly parallel planes meet far away
        return mx, my, mz
    return x, y, z


@inner
def _cost(s: Surface, u: int, v: int, stays: bool) -> float:
    """What collapsing u onto v costs: the quadric error, plus a little for the edge's length."""
    q = _quadric(s, u, v)
    x, y, z = _place(s, q, u, v, stays)
    return squared_error(q, x, y, z) + EVENNESS * (q[0] + q[3] + q[5]) * _squared_distance(s, u, v)


@inner
def _corner_of(s: Surface, t: int, p: int) -> int:
    """Which corner of triangle t is point p, or -1."""
    for k in range(3):
        if s.corners[t, k] == p:
            return k
    return -1


@inner
def _is_linkable(s: Surface, mark: int, u: int, v: int) -> bool:
    """Link condition (Dey et al. 1999): u and v share exactly the points opposite to their edge, so no sheet is pinched or doubled.

    Uses marks mark and mark + 1, which must be new.
    """
    fan_u, fan_v, shared_triangles, shared_points = 0, 0, 0, 0
    h = s.points[u, HEAD]
    while h >= 0:
        t = h // 3
        if s.corners[t, 0] >= 0:
            fan_u += 1
            shared_triangles += 1 if _corner_of(s, t, v) >= 0 else 0
            for k in range(3):
                s.points[s.corners[t, k], MARK] = mark
        h = s.following[h]
    s.points[u, MARK] = s.points[v, MARK] = mark + 1
    h = s.points[v, HEAD]
    while h >= 0:
        t = h // 3
        if s.corners[t, 0] >= 0:
            fan_v += 1
            for k in range(3):
                p = s.corners[t, k]
                if s.points[p, MARK] == mark:
                    s.points[p, MARK] = mark + 1
                    shared_points += 1
        h = s.following[h]
    if shared_points != shared_triangles or shared_triangles == 0 or shared_triangles > 2:
        return False
    if shared_triangles == 2 and s.points[u, BORDER] and s.points[v, BORDER]:
        return False
    return fan_u - shared_triangles > 1 or fan_v - shared_triangles > 1  # else a tetrahedron, or the last triangles of a sheet


@inner
def _keeps_shape(s: Surface, t: int, moved: int, place: Place, least_cosine: float, least_shape: float) -> bool:
    """Whether triangle t still looks the same way, and is no needle (or no worse one), once its corner at `moved` is at `place`."""
    k = _corner_of(s, t, moved)
    a, b, p = s.corners[t, (k + 1) % 3], s.corners[t, (k + 2) % 3], s.places
    ex, ey, ez = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
    fx, fy, fz = place[0] - p[a, 0], place[1] - p[a, 1], place[2] - p[a, 2]
    gx, gy, gz = p[moved, 0] - p[a, 0], p[moved, 1] - p[a, 1], p[moved, 2] - p[a, 2]
    nx, ny, nz = ey * fz - ez * fy, ez * fx - ex * fz, ex * fy - ey * fx
    ox, oy, oz = ey * gz - ez * gy, ez * gx - ex * gz, ex * gy - ey * gx
    new, old = np.sqrt(nx * nx + ny * ny + nz * nz), np.sqrt(ox * ox + oy * oy + oz * oz)
    if nx * ox + ny * oy + nz * oz < least_cosine * new * old or not new > 0:
        return False
    edge = ex * ex + ey * ey + ez * ez
    new_edges = edge + fx * fx + fy * fy + fz * fz + (fx - ex) ** 2 + (fy - ey) ** 2 + (fz - ez) ** 2
    old_edges = edge + gx * gx + gy * gy + gz * gz + (gx - ex) ** 2 + (gy - ey) ** 2 + (gz - ez) ** 2
    shape = _EQUILATERAL * new / new_edges
    return shape >= least_shape or shape * old_edges >= _EQUILATERAL * old


@inner
def _fan_keeps_shape(s: Surface, moved: int, other: int, place: Place, least_cosine: float, least_shape: float) -> bool:
    """Whether every triangle around `moved` keeps its shape, but for those that also touch `other` and vanish."""
    h = s.points[moved, HEAD]
    while h >= 0:
        t = h // 3
        stays = s.corners[t, 0] >= 0 and _corner_of(s, t, other) < 0
        if stays and not _keeps_shape(s, t, moved, place, least_cosine, least_shape):
            return False
        h = s.following[h]
    return True


@inner
def _match_wedges(s: Surface, u: int, v: int) -> None:
    """Read from the edge's triangles which wedge of v continues which wedge of u."""
    row = 0
    h = s.points[u, HEAD]
    while h >= 0:
        t = h // 3
        k = _corner_of(s, t, v)
        if s.corners[t, 0] >= 0 and k >= 0:
            s.matches[row, 0], s.matches[row, 1] = s.wedges[t, h % 3], s.wedges[t, k]
            row += 1
        h = s.following[h]
    if row == 1:
        s.matches[1, 0], s.matches[1, 1] = s.matches[0, 0], s.matches[0, 1]  # rows at once take 2.5 s to compile


@inner
def _fan_keeps_uvs(s: Surface, u: int, v: int) -> bool:
    """Whether every triangle that stays has a wedge to go to, and keeps its UV orientation and some UV area."""
    m = s.matches
    if m[0, 0] == m[1, 0] and m[0, 1] != m[1, 1]:  # u is inside a chart and the edge a seam's end: its sides part at v
        return False
    h = s.points[u, HEAD]
    while h >= 0:
        t, k = h // 3, h % 3
        if s.corners[t, 0] >= 0 and _corner_of(s, t, v) < 0:
            old = s.wedges[t, k]
            if old != m[0, 0] and old != m[1, 0]:
                return False
            new = m[0, 1] if old == m[0, 0] else m[1, 1]
            if len(s.uvs) > 0 and not _keeps_uv_side(s.uvs, s.wedges[t, (k + 1) % 3], s.wedges[t, (k + 2) % 3], old, new):
                return False
        h = s.following[h]
    return True


@inner
def _keeps_uv_side(uvs: np.ndarray, a: int, b: int, old: int, new: int) -> bool:
    """Whether the UV triangle (a, b, new) has area, on the same side of a-b as (a, b, old)."""
    ex, ey = uvs[b, 0] - uvs[a, 0], uvs[b, 1] - uvs[a, 1]
    before = ex * (uvs[old, 1] - uvs[a, 1]) - ey * (uvs[old, 0] - uvs[a, 0])
    after = ex * (uvs[new, 1] - uvs[a, 1]) - ey * (uvs[new, 0] - uvs[a, 0])
    return before * after > 0 and abs(after) >= _LEAST_UV_AREA


@inner
def _apply(s: Surface, u: int, v: int, place: Place, subset: bool) -> int:
    """Move u's corners to v and v to its place, kill the triangles between, append u's list to v's; returns how many were killed."""
    killed = 0
    h = s.points[u, HEAD]
    while h >= 0:
        t, k = h // 3, h % 3
        if s.corners[t, 0] >= 0:
            if _corner_of(s, t, v) >= 0:
                s.corners[t, 0] = -1
                killed += 1
            else:
                s.corners[t, k] = v
                if subset:
                    s.wedges[t, k] = s.matches[0, 1] if s.wedges[t, k] == s.matches[0, 0] else s.matches[1, 1]
        h = s.following[h]
    s.following[s.points[v, TAIL]] = s.points[u, HEAD]
    s.points[v, TAIL] = s.points[u, TAIL]
    s.points[u, HEAD] = -1
    for k in range(QUADRIC, s.places.shape[1]):
        s.places[v, k] += s.places[u, k]
    s.points[v, BORDER] |= s.points[u, BORDER]
    s.points[u, STAMP] += 1
    s.points[v, STAMP] += 1
    for axis in range(3):
        s.places[v, axis] = place[axis]
    return killed


@inner
def _push_edge(s: Surface, costs: np.ndarray, items: np.ndarray, size: int, u: int, v: int, subset: bool) -> int:
    """Push (u, v); when v stays in place also (v, u), which costs something else; a full heap takes no more. Returns its size."""
    if size + 2 > len(costs):
        return size
    stamp, level = int(np.int32(s.points[u, STAMP] + s.points[v, STAMP])), int(np.int32(0))
    size = push(costs, items, size, _cost(s, u, v, subset), u, v, stamp, level)
    if subset:
        size = push(costs, items, size, _cost(s, v, u, subset), v, u, stamp, level)
    return size


@inner
def _push_all(s: Surface, costs: np.ndarray, items: np.ndarray, subset: bool) -> int:
    """Fill the heap anew with every edge; returns its size. The second half-edge of an edge with two triangles is left out."""
    size = int(np.int64(0))  # typed, since a constant would have `push` compiled twice
    for t in range(len(s.corners)):
        for k in range(3):
            u, v = s.corners[t, k], s.corners[t, (k + 1) % 3]
            if s.corners[t, 0] >= 0 and (u < v or (s.points[u, BORDER] and s.points[v, BORDER])):
                size = _push_edge(s, costs, items, size, u, v, subset)
    return size


@inner
def _push_around(s: Surface, costs: np.ndarray, items: np.ndarray, size: int, v: int, mark: int, subset: bool) -> int:
    """Push every edge at v, each once; returns the heap's size."""
    s.points[v, MARK] = mark
    h = s.points[v, HEAD]
    while h >= 0:
        t = h // 3
        if s.corners[t, 0] >= 0:
            for k in range(3):
                p = s.corners[t, k]
                if s.points[p, MARK] != mark:
                    s.points[p, MARK] = mark
                    size = _push_edge(s, costs, items, size, v, p, subset)
        h = s.following[h]
    return size


@inner
def _may_collapse(s: Surface, u: int, v: int, place: Place, subset: bool, mark: int, least_cosine: float, least_shape: float) -> bool:
    """Whether collapsing u onto v at this place leaves a sound surface."""
    if not _is_linkable(s, mark, u, v) or not _fan_keeps_shape(s, u, v, place, least_cosine, least_shape):
        return False
    if not subset:
        return _fan_keeps_shape(s, v, u, place, least_cosine, least_shape)
    _match_wedges(s, u, v)
    return _fan_keeps_uvs(s, u, v)


@inner
def _area(s: Surface, t: int) -> float:
    """Of triangle t."""
    p, a, b, c = s.places, s.corners[t, 0], s.corners[t, 1], s.corners[t, 2]
    ex, ey, ez = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
    fx, fy, fz = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
    return np.sqrt((ey * fz - ez * fy) ** 2 + (ez * fx - ex * fz) ** 2 + (ex * fy - ey * fx) ** 2) / 2


@inner
def _highest_mark(s: Surface) -> int:
    """Of all points' marks."""
    highest = 0
    for p in range(len(s.points)):
        highest = max(highest, s.points[p, MARK])
    return highest


@compiled
def collapse_needles(s: Surface, live: int, least_area: float, subset: bool, stays: bool) -> int:
    """Collapse the cheapest possible edge of each triangle whose area is not above least_area; returns how many triangles are left.

    Points stay where they are or go (stays is True: a constant here would have every function it is passed on to compiled twice), so that
    a point in the middle of a long edge goes, and the corners it lies between stay.
    """
    mark = _highest_mark(s) + 1
    for t in range(len(s.corners)):
        if s.corners[t, 0] < 0 or _area(s, t) > least_area:
            continue
        least, best = np.inf, -1
        for k in range(6):  # three edges, either way
            u, v = s.corners[t, k % 3], s.corners[t, (k % 3 + 1 + k // 3) % 3]
            mark += 2
            cost = _cost(s, u, v, stays)
            if cost < least and _may_collapse(s, u, v, _place(s, _quadric(s, u, v), u, v, stays), subset, mark, 0.0, 0.0):
                least, best = cost, k
        if best >= 0:
            u, v = s.corners[t, best % 3], s.corners[t, (best % 3 + 1 + best // 3) % 3]
            _match_wedges(s, u, v)
            live -= _apply(s, u, v, _place(s, _quadric(s, u, v), u, v, stays), subset)
    return live


@compiled
def collapse_edges(s: Surface, costs: np.ndarray, items: np.ndarray, live: int, target: int, subset: bool, limits: np.ndarray) -> int:
    """Collapse the cheapest edge again and again until `target` triangles are left or none may be collapsed; returns how many are left.

    limits (L, 2) float64: level by level the least cosine by which a collapse may turn a triangle, and the least shape it may leave it
    (unless it was worse). An edge that fails at one level comes back at the next for _REFUSED times its cost. costs (N,) float64 and
    items (N, 4) int32 are the heap's room; it is filled anew when outdated entries fill it, and when it runs dry, since edges that failed
    at all levels may have become possible.
    """
    mark = _highest_mark(s) + 1
    size = int(np.int64(0))
    before = -1
    while live > target:
        if size == 0:
            if live == before:
                return live
            before = live
            size = _push_all(s, costs, items, subset)
        size = pop(costs, items, size)
        u, v, stamp, level = items[size, 0], items[size, 1], items[size, 2], items[size, 3]
        if s.points[u, HEAD] < 0 or s.points[v, HEAD] < 0 or stamp != s.points[u, STAMP] + s.points[v, STAMP]:
            continue
        place = _place(s, _quadric(s, u, v), u, v, subset)
        mark += 2
        if not _may_collapse(s, u, v, place, subset, mark, limits[level, 0], limits[level, 1]):
            if level + 1 < len(limits):
                size = push(costs, items, size, _REFUSED * costs[size], u, v, stamp, int(np.int32(level + 1)))
            continue
        live -= _apply(s, u, v, place, subset)
        mark += 2
        size = _push_around(s, costs, items, size, v, mark, subset)
        if size + SPARE > len(costs):
            size = _push_all(s, costs, items, subset)
    return live
