"""Holes closed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt32

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.grow import append_means
from kiln.geometry.manifold import split_non_manifold
from kiln.geometry.patch import round_patches
from kiln.geometry.topology import (
    find_edges,
    has_repeated_corner,
    is_degenerate,
    is_duplicate,
    label_components,
    next_corners,
    point_triangles,
    welded_points,
)
from kiln.geometry.transfer import with_uvs_continued
from kiln.kernels.fill import trace_loops, triangulate_loops
from kiln.kernels.topology import NON_MANIFOLD, OPEN

_LONGEST = 160
"""Edges of a hole up to which its triangulation is searched for the least area (n^3 / 6 steps: 7 ms); longer ones get a fan."""

_SHEET = 0.25
"""A loop that spans more than this share of its component's area is no hole in it but the rim of a sheet or a bowl."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Loops:
    """Boundaries of holes: loop i is the half-edges[ends[i]:ends[i + 1]], in the order in which a patch over the hole runs along them."""

    half_edges: Int32[np.ndarray, " n"]
    ends: Int64[np.ndarray, " loops_and_one"]

    @property
    def lengths(self) -> Int64[np.ndarray, " loops"]:
        """Edges of each loop."""
        return np.diff(self.ends)

    def select(self, keep: Bool[np.ndarray, " loops"]) -> Loops:
        """Only these loops."""
        ends = np.concatenate([[0], np.cumsum(self.lengths[keep])])
        return Loops(half_edges=self.half_edges[np.repeat(keep, self.lengths)], ends=ends)


def fill_holes(mesh: Mesh, *, longest: float) -> tuple[Mesh, int]:
    """The mesh with its holes closed whose boundary is no longer than a share of its diagonal, and how many were closed.

    Patches reuse the boundary's vertices, with their attributes; one that would double an edge, or has a very long boundary, becomes a fan
    about a new vertex with their mean; where that is no better the hole stays. Patches wider than a few edges are refined and rounded.
    The rims of sheets and bowls are no holes. The mesh must be consistently wound.
    """
    loops = _holes(mesh, longest=longest)
    fan = loops.lengths > _LONGEST
    while len(loops.lengths):
        filled = _patched(mesh, loops, fan)
        bad = _spoiling_loops(filled, mesh.triangle_count, loops, fan)
        if not bad.any():
            rounded = round_patches(filled, first=mesh.triangle_count)
            return with_uvs_continued(rounded, mesh, first=mesh.triangle_count), len(loops.lengths)
        left_open = bad & fan
        loops, fan = loops.select(~left_open), (fan | bad)[~left_open]
    return mesh, 0


def _holes(mesh: Mesh, *, longest: float) -> Loops:
    """The loops worth filling."""
    points, faces = welded_points(mesh)
    faces, origin = split_non_manifold(find_edges(faces, point_count=len(points)), points)
    edges = find_edges(faces, point_count=len(origin))
    opened = np.flatnonzero(edges.twins == OPEN).astype(np.int32)
    by_stop = np.full(len(origin), -1, np.int32)
    by_stop[edges.stops[opened]] = opened
    chained, ends = np.empty(len(opened), np.int32), np.zeros(len(opened) + 1, np.int64)
    count = trace_loops(edges.starts, edges.stops, by_stop, chained, ends)
    if count == 0:
        return Loops(half_edges=chained[:0], ends=ends[:1])
    loops = _untangled(Loops(half_edges=chained[: ends[count]], ends=ends[: count + 1]), origin[edges.stops])
    tails, heads = (points[origin[ends_of[loops.half_edges]]].astype(np.float64) for ends_of in (edges.stops, edges.starts))
    perimeter = np.add.reduceat(np.linalg.norm(heads - tails, axis=1), loops.ends[:-1])
    spanned = np.linalg.norm(np.add.reduceat(np.cross(tails, heads), loops.ends[:-1]), axis=1) / 2
    labels, components = label_components(faces, point_count=len(origin))
    whole = np.bincount(labels, triangle_areas(mesh), minlength=components)[labels[loops.half_edges[loops.ends[:-1]] // 3]]
    return loops.select((perimeter <= longest * mesh.diagonal) & (spanned <= _SHEET * whole) & (loops.lengths >= 3))


def _untangled(loops: Loops, reached: Int32[np.ndarray, " half_edges"]) -> Loops:
    """The loops, those that come back to a point cut in two there: holes that touch at a point are holes of their own.

    `reached` is the point that each half-edge of the mesh reaches. (As one loop, touching holes were left open: their patch doubled back.)
    """
    points = reached[loops.half_edges]
    owner = np.repeat(np.arange(len(loops.lengths)), loops.lengths)
    keys = np.sort(owner.astype(np.int64) * (int(points.max()) + 1) + points)
    tangled = np.zeros(len(loops.lengths), bool)
    tangled[keys[1:][keys[1:] == keys[:-1]] // (int(points.max()) + 1)] = True
    if not tangled.any():
        return loops
    knots = loops.select(tangled)
    simple = [
        cut for half in np.split(knots.half_edges, knots.ends[1:-1]) for cut in _cut_at_repeats(half.tolist(), reached[half].tolist())
    ]
    plain = loops.select(~tangled)
    lengths = np.concatenate([plain.lengths, [len(cut) for cut in simple]]).astype(np.int64)
    half_edges = np.concatenate([plain.half_edges, *(np.array(cut, np.int32) for cut in simple)])
    return Loops(half_edges=half_edges, ends=np.concatenate([[0], np.cumsum(lengths)]))


def _cut_at_repeats(half_edges: list[int], points: list[int]) -> list[list[int]]:
    """One loop as loops that visit each point once."""
    cuts: list[list[int]] = []
    path: list[int] = []
    place: dict[int, int] = {}
    visited: list[int] = []
    for half_edge, point in zip(half_edges, points, strict=True):
        if point in place:
            start = place[point]
            cuts.append(path[start:])
            for gone in visited[start:]:
                del place[gone]
            del path[start:], visited[start:]
        place[point] = len(path)
        path.append(half_edge)
        visited.append(point)
    return [*cuts, path]


def _patched(mesh: Mesh, loops: Loops, fan: Bool[np.ndarray, " loops"]) -> Mesh:
    """The mesh with a patch over each loop: first all least-area ones, then all fans."""
    vertices = mesh.triangles.reshape(-1)[next_corners(loops.half_edges)]
    tight, wide = loops.select(~fan), loops.select(fan)
    ours, theirs = vertices[np.repeat(~fan, loops.lengths)], vertices[np.repeat(fan, loops.lengths)]
    local = np.empty((int((tight.lengths - 2).sum()), 3), np.int32)
    triangulate_loops(mesh.positions[ours].astype(np.float64), tight.ends, local)
    grown = append_means(mesh, theirs, wide.ends)
    centers = np.repeat(np.arange(mesh.vertex_count, grown.vertex_count, dtype=np.uint32), wide.lengths)
    fans = np.stack([theirs, _next_in_loop(theirs, wide), centers], axis=1).astype(np.uint32)
    triangles = np.concatenate([mesh.triangles, ours[local], fans])
    if mesh.material_ids is None:
        return replace(grown, triangles=triangles)
    beside = mesh.material_ids[np.concatenate([_first_triangles(tight, tight.lengths - 2), _first_triangles(wide, wide.lengths)])]
    return replace(grown, triangles=triangles, material_ids=np.concatenate([mesh.material_ids, beside]))


def _first_triangles(loops: Loops, counts: Int64[np.ndarray, " loops"]) -> Int64[np.ndarray, " patches"]:
    """The triangle beside each loop's first edge, once for each of the loop's own `counts`."""
    return np.repeat(loops.half_edges[loops.ends[:-1]].astype(np.int64) // 3, counts)


def _next_in_loop(vertices: UInt32[np.ndarray, " n"], loops: Loops) -> UInt32[np.ndarray, " n"]:
    """Each vertex's successor along its loop."""
    following = np.arange(1, len(vertices) + 1)
    following[loops.ends[1:] - 1] = loops.ends[:-1]
    return vertices[following]


def _spoiling_loops(filled: Mesh, before: int, loops: Loops, fan: Bool[np.ndarray, " loops"]) -> Bool[np.ndarray, " loops"]:
    """Which loops' patches have no area, or an edge that the mesh or another patch already had; triangles from `before` on are patches."""
    faces, count = point_triangles(filled)
    flat = is_degenerate(filled, faces)
    twins = np.full((len(faces), 3), OPEN, np.int32)
    proper = ~has_repeated_corner(faces)
    twins[proper] = find_edges(faces[proper], point_count=count).twins.reshape(-1, 3)
    bad = (flat | (twins == NON_MANIFOLD).any(axis=1) | is_duplicate(faces))[before:]
    tight, wide = np.flatnonzero(~fan), np.flatnonzero(fan)
    owners = np.concatenate([np.repeat(tight, loops.lengths[tight] - 2), np.repeat(wide, loops.lengths[wide])])
    return np.bincount(owners[bad], minlength=len(fan)) > 0
