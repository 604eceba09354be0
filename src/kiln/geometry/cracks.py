"""Cracks zipped: rims that run beside each other, though with different vertices, joined (Barequet and Kumar 1997)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.fill import append_means
from kiln.geometry.topology import find_edges, has_repeated_corner, next_corners, welded_points
from kiln.kernels.topology import OPEN

_MOST_EDGES = 100_000
"""A mesh with more open edges than this is a pile of loose triangles, not a surface with cracks."""

_ROUNDS = 3
"""A triangle has one of its edges split in each round; few have two on cracks."""

_AGAINST = -0.5
"""Rims of one crack run against each other: the cosine of their directions is below this. A vertex thus never meets its own rim."""

_NEIGHBOURS = 12
"""Nearest places on rims that are tried for each vertex."""


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
    ways = rims.ways
    length = np.linalg.norm(ways, axis=1)
    pieces = np.minimum(np.ceil(length / tolerance), 64).astype(np.int64)
    edge = np.repeat(np.arange(len(length)), pieces)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + 0.5) / pieces[edge]
    tree = cKDTree(rims.points[rims.starts[edge]] + ways[edge] * share[:, None])
    point = np.unique(rims.starts)
    directions = np.zeros_like(rims.points)
    np.add.at(directions, rims.starts, ways)
    np.add.at(directions, rims.stops, ways)
    _, near = tree.query(rims.points[point], k=min(_NEIGHBOURS, len(edge)), distance_upper_bound=2 * tolerance)
    near = near.reshape(len(point), -1)
    tried = edge[np.minimum(near, len(edge) - 1)]
    offset = rims.points[point][:, None] - rims.points[rims.starts[tried]]
    at = np.clip((offset * ways[tried]).sum(2) / np.maximum(length[tried], 1e-300) ** 2, 0, 1)
    distance = np.linalg.norm(offset - ways[tried] * at[:, :, None], axis=2)
    own = directions[point] / np.maximum(np.linalg.norm(directions[point], axis=1, keepdims=True), 1e-300)
    cosine = (own[:, None] * ways[tried]).sum(2) / np.maximum(length[tried], 1e-300)
    touching = (rims.starts[tried] == point[:, None]) | (rims.stops[tried] == point[:, None])
    distance[(near == len(edge)) | touching | (cosine > _AGAINST) | (distance > tolerance)] = np.inf
    best = distance.argmin(axis=1)
    rows = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    return _Contacts(point=point[rows], edge=tried[rows, best[rows]], share=at[rows, best[rows]])


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
