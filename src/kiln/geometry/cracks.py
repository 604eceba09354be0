"""Cracks zipped: rims that run beside each other, though with different vertices, joined (Barequet and Kumar 1997)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.grow import append_means
from kiln.geometry.topology import find_edges, has_repeated_corner, next_corners, welded_points
from kiln.kernels.topology import OPEN

_MOST_EDGES = 100_000
"""A mesh with more open edges than this is a pile of loose triangles, not a surface with cracks."""

_ROUNDS = 3
"""A triangle has one of its edges split in each round; few have two on cracks."""

_AGAINST = -0.5
"""Rims of one crack run against each other: the cosine of their directions is below this. A vertex thus never meets its own rim."""

_MOST_PIECES = 64
"""Balls that an edge is covered with, in the search for points on it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rims:
    """The open half-edges of a mesh over welded points."""

    half_edges: Int32[np.ndarray, " edges"]
    starts: Int64[np.ndarray, " edges"]
    stops: Int64[np.ndarray, " edges"]
    points: Float64[np.ndarray, "points 3"]

    @property
    def ways(self) -> Float64[np.ndarray, "edges 3"]:
        """From each edge's start to its stop."""
        return self.points[self.stops] - self.points[self.starts]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Contacts:
    """Rim points, the edge (a row of `_Rims`) of another rim that each is nearest to, and where on it, 0 to 1."""

    point: Int64[np.ndarray, " n"]
    edge: Int64[np.ndarray, " n"]
    share: Float64[np.ndarray, " n"]


def zip_cracks(mesh: Mesh, *, tolerance: float) -> Mesh:
    """The mesh with rims joined that run against each other no farther apart than the tolerance (metres).

    A rim's vertices are moved onto the vertices of the other where these are near; where not, the other's edge is split there. Whether the
    outcome is better is for the caller to judge.
    """
    for _ in range(_ROUNDS):
        rims = _rims(mesh)
        if not 0 < len(rims.half_edges) <= _MOST_EDGES:
            return mesh
        contacts = _contacts(rims, tolerance)
        if not len(contacts.point):
            return mesh
        mesh = _joined(mesh, rims, contacts, tolerance)
    return mesh


def _rims(mesh: Mesh) -> _Rims:
    points, faces = welded_points(mesh)
    proper = np.flatnonzero(~has_repeated_corner(faces))
    edges = find_edges(faces[proper], point_count=len(points))
    opened = np.flatnonzero(edges.twins == OPEN)
    half_edges = (3 * proper[opened // 3] + opened % 3).astype(np.int32)
    starts, stops = edges.starts[opened].astype(np.int64), edges.stops[opened].astype(np.int64)
    return _Rims(half_edges=half_edges, starts=starts, stops=stops, points=points.astype(np.float64))


def _contacts(rims: _Rims, tolerance: float) -> _Contacts:
    """For each rim point the nearest edge that runs against its own rim, where that is within the tolerance."""
    point, edge = _pairs_within(rims, tolerance)
    ways = rims.ways
    length = np.maximum(np.linalg.norm(ways, axis=1), 1e-300)
    directions = np.zeros_like(rims.points)
    np.add.at(directions, rims.starts, ways)
    np.add.at(directions, rims.stops, ways)
    offset = rims.points[point] - rims.points[rims.starts[edge]]
    share = np.clip((offset * ways[edge]).sum(axis=1) / length[edge] ** 2, 0, 1)
    distance = np.linalg.norm(offset - ways[edge] * share[:, None], axis=1)
    own = np.maximum(np.linalg.norm(directions[point], axis=1), 1e-300)
    cosine = (directions[point] * ways[edge]).sum(axis=1) / own / length[edge]
    touching = (rims.starts[edge] == point) | (rims.stops[edge] == point)
    rows = np.flatnonzero(~touching & (cosine <= _AGAINST) & (distance <= tolerance))
    rows = rows[np.lexsort((edge[rows], distance[rows], point[rows]))]
    _, first = np.unique(point[rows], return_index=True)
    best = rows[first]
    return _Contacts(point=point[best], edge=edge[best], share=share[best])


def _pairs_within(rims: _Rims, tolerance: float) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
    """Rim points and the edges that may lie within the tolerance of them: balls along each edge, that together hold all such points.

    Long edges have many vertices of others on them (T-junctions), so no fixed number of neighbours would do.
    """
    length = np.linalg.norm(rims.ways, axis=1)
    pieces = np.clip(np.ceil(length / tolerance), 1, _MOST_PIECES).astype(np.int64)
    edge = np.repeat(np.arange(len(length)), pieces)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + 0.5) / pieces[edge]
    middles = rims.points[rims.starts[edge]] + rims.ways[edge] * share[:, None]
    point = np.unique(rims.starts)
    found = cKDTree(rims.points[point]).query_ball_point(middles, length[edge] / pieces[edge] / 2 + tolerance, return_sorted=True)
    counts = np.fromiter(map(len, found), np.int64, len(found))
    near = np.fromiter(chain.from_iterable(found), np.int64, int(counts.sum()))
    pairs = np.unique(np.stack([point[near], np.repeat(edge, counts)], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _joined(mesh: Mesh, rims: _Rims, contacts: _Contacts, tolerance: float) -> Mesh:
    """The mesh with points that touch others' ends moved onto them, and with the edges that other points touch split there."""
    end = np.where(contacts.share < 0.5, rims.starts[contacts.edge], rims.stops[contacts.edge])
    apart = np.linalg.norm(rims.points[contacts.point] - rims.points[end], axis=1)
    order = np.argsort(apart, kind="stable")
    taken: set[int] = set()
    target = np.arange(len(rims.points))
    for row in order[apart[order] <= tolerance].tolist():
        pair = int(contacts.point[row]), int(end[row])
        if taken.isdisjoint(pair):
            taken.update(pair)
            target[max(pair)] = min(pair)
    free = np.array([int(p) not in taken for p in contacts.point], bool) & (contacts.share > 0) & (contacts.share < 1)
    _, faces = welded_points(mesh)
    places = rims.points[target].astype(np.float32)
    moved = mesh.positions.copy()
    moved[mesh.triangles] = places[faces]
    splits = _Contacts(point=contacts.point[free], edge=contacts.edge[free], share=contacts.share[free])
    return _split(replace(mesh, positions=moved), rims, splits, places)


def _split(mesh: Mesh, rims: _Rims, splits: _Contacts, places: Float32[np.ndarray, "points 3"]) -> Mesh:
    """The mesh with edges split at contacts, the new vertices standing where the touching points do; one edge of each triangle."""
    triangle = rims.half_edges[splits.edge] // 3
    first = {int(t): int(e) for t, e in zip(triangle[::-1], splits.edge[::-1], strict=True)}
    rows = np.array([row for row in range(len(triangle)) if first[int(triangle[row])] == splits.edge[row]], np.int64)
    rows = rows[np.lexsort((splits.share[rows], triangle[rows]))]
    if not len(rows):
        return mesh
    half_edge, share = rims.half_edges[splits.edge[rows]], splits.share[rows]
    corners = mesh.triangles.reshape(-1)
    a, b = corners[half_edge], corners[next_corners(half_edge)]
    c = corners[next_corners(next_corners(half_edge))]
    ends = np.arange(0, 2 * len(rows) + 1, 2)
    grown = append_means(mesh, np.stack([a, b], axis=1).reshape(-1), ends, weights=2 * np.stack([1 - share, share], axis=1).reshape(-1))
    new = np.arange(mesh.vertex_count, grown.vertex_count, dtype=np.uint32)
    positions = grown.positions.copy()
    positions[new] = places[splits.point[rows]]
    last = np.append(half_edge[1:] != half_edge[:-1], True)
    begins = np.append(True, last[:-1])
    tails = np.stack([new, np.where(last, b, np.roll(new, -1)), c], axis=1)
    heads = np.stack([a, new, c], axis=1)[begins]
    triangles = np.concatenate([mesh.triangles, tails])
    triangles[half_edge[begins] // 3] = heads
    ids = None if mesh.material_ids is None else np.concatenate([mesh.material_ids, mesh.material_ids[half_edge // 3]])
    return replace(grown, positions=positions, triangles=triangles, material_ids=ids)
