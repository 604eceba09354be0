"""A scalar field on a grid becomes a closed manifold mesh: marching cubes (Lorensen and Cline 1987) with a generated, proven case table.

The table is made here rather than typed in. On each face of a cell the crossings are joined by a rule that looks only at the face's four
corners, so the two cells of a face agree: an ambiguous face (two opposite corners inside) keeps its inside corners apart. (The asymptotic
decider of Nielson and Hamann 1991 would look at the values too; the surface is closed either way.) The joints form loops; a loop is cut
into triangles so that no cut lies in a face of the cell, because the neighbour could make the same cut and the edge would have four
triangles. Three corners of a triangle then never lie in one face, so a triangle has area wherever its crossings are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from kiln.asset import Mesh
from kiln.kernels import in_threads
from kiln.kernels.polygonize import connect_layers, count_layers, place_vertices

CROSSING_MARGIN = 0.005
"""A crossing keeps this share of a grid edge away from both ends, so that triangles around a grid point do not collapse. Around
points that lie nearer to the surface normals are arbitrary: 0.02 left 1.5 triangles in a thousand 45 degrees off, 0.005 leaves 0.5."""

Corner = tuple[int, int, int]
Edge = tuple[int, int, int, int]
"""Axis, and the corner it starts at."""


def polygonize(
    field: Float32[np.ndarray, "nx ny nz"],
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Mesh:
    """The surface field = 0, inside where field > 0: closed, every edge on exactly two triangles, outward, one vertex a crossed grid edge.

    Grid point (i, j, k) lies at origin + spacing * (i, j, k), metres. Where the field is positive on the grid's border the surface is
    closed just outside it. A field that is nowhere positive gives an empty mesh. On one core 24M points and 1.35M triangles take 0.11 s;
    columns with nothing inside are skipped.
    """
    start = np.array(origin, np.float64)
    if _touches_border(field):
        field = np.pad(field, 1, constant_values=-float(field.max()))
        start = start - np.array(spacing)
    inside = (field > 0).view(np.uint8)
    spans = _column_spans(inside.view(bool))
    loop_triangles, loops = case_table()
    vertices, triangles = np.zeros(len(field), np.int64), np.zeros(len(field), np.int64)
    in_threads(lambda a, b: count_layers(inside, spans, loop_triangles, vertices, triangles, a, b), len(field), at_least=16)
    vertex_starts, triangle_starts = np.cumsum(vertices) - vertices, np.cumsum(triangles) - triangles
    positions = np.empty((int(vertices.sum()), 3), np.float32)
    corners = np.empty((int(triangles.sum()), 3), np.uint32)
    step = np.array(spacing, np.float64)

    def fill(first: int, last: int) -> None:
        for i in range(first, last):
            place_vertices(field, spans, i, vertex_starts[i], start, step, CROSSING_MARGIN, positions)
        connect_layers(inside, spans, loop_triangles, loops, vertex_starts, triangle_starts, corners, first, min(last, len(field) - 1))

    in_threads(fill, len(field), at_least=16)
    return Mesh(positions=positions, triangles=corners)


def _touches_border(field: Float32[np.ndarray, "nx ny nz"]) -> bool:
    sides = (field[0], field[-1], field[:, 0], field[:, -1], field[:, :, 0], field[:, :, -1])
    return any(bool((side > 0).any()) for side in sides)


def _column_spans(inside: Bool[np.ndarray, "nx ny nz"]) -> Int32[np.ndarray, "nx ny 2"]:
    """First and last z that is inside, in each column; nz and -1 where none is."""
    depth = inside.shape[2]
    some = inside.any(axis=2)
    first = np.where(some, inside.argmax(axis=2), depth)
    last = np.where(some, depth - 1 - inside[:, :, ::-1].argmax(axis=2), -1)
    return np.stack([first, last], axis=2).astype(np.int32)


@lru_cache(maxsize=1)
def case_table() -> tuple[Int64[np.ndarray, "256"], UInt8[np.ndarray, "256 most 3 4"]]:
    """How many triangles each of the 256 cases has, and each triangle's three crossed edges as (axis, dx, dy, dz of its start).

    Bit x + 2 y + 4 z of a case is set where that corner is inside.
    """
    cases = [[t for loop in _loops(case) for t in _cut(loop)] for case in range(256)]
    table = np.zeros((256, max(map(len, cases)), 3, 4), np.uint8)
    for case, triangles in enumerate(cases):
        table[case, : len(triangles)] = np.reshape(triangles, (-1, 3, 4))
    return np.array([len(triangles) for triangles in cases], np.int64), table


def _faces() -> Iterator[tuple[Corner, ...]]:
    """The six faces of a cell, each as its corners counter-clockwise seen from outside."""
    for axis, side in product(range(3), (0, 1)):
        ring = ((0, 0), (1, 0), (1, 1), (0, 1)) if side else ((0, 0), (0, 1), (1, 1), (1, 0))
        yield tuple(tuple(np.roll((side, *uv), axis).tolist()) for uv in ring)


def _edge(a: Corner, b: Corner) -> Edge:
    axis = next(k for k in range(3) if a[k] != b[k])
    return (axis, *min(a, b))


def _loops(case: int) -> list[list[Edge]]:
    """The closed loops of crossed edges around a case's inside corners, counter-clockwise seen from outside the solid."""
    follows: dict[Edge, Edge] = {}
    for face in _faces():
        is_in = [bool(case >> (x + 2 * y + 4 * z) & 1) for x, y, z in face]
        for entry in (n for n in range(4) if is_in[n] and not is_in[n - 1]):
            leave = next(n for n in range(entry + 1, entry + 4) if not is_in[n % 4])
            follows[_edge(face[entry - 1], face[entry])] = _edge(face[leave - 1 & 3], face[leave & 3])
    loops = []
    while follows:
        loop = [next(iter(follows))]
        while (after := follows.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(loop)
    return loops


def _share_a_face(a: Edge, b: Edge) -> bool:
    """Whether two edges of a cell lie in one of its faces."""
    return any(a[0] != k != b[0] and a[1 + k] == b[1 + k] for k in range(3))


def _cut(loop: list[Edge]) -> list[tuple[Edge, Edge, Edge]]:
    """The loop cut into triangles, no cut lying in a face of the cell."""
    return next(_cuts(loop))


def _cuts(loop: list[Edge]) -> Iterator[list[tuple[Edge, Edge, Edge]]]:
    """Every way to cut the loop: the triangle on the edge from last to first, and cuts of what is left on its two sides."""
    if len(loop) < 3:
        yield []
        return
    for n in range(1, len(loop) - 1):
        ends = ([loop[0], loop[n]] if n > 1 else []), ([loop[n], loop[-1]] if n < len(loop) - 2 else [])
        if any(_share_a_face(*cut) for cut in ends if cut):
            continue
        for left, right in product(_cuts(loop[: n + 1]), _cuts(loop[n:])):
            yield [(loop[0], loop[n], loop[-1]), *left, *right]
