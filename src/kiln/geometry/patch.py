"""Flat patches over holes become part of the surface around them: as finely meshed, and as round (Liepa 2003)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt32
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from kiln.asset import Mesh
from kiln.geometry.grow import append_means
from kiln.geometry.topology import find_edges, is_degenerate, label_components, next_corners, point_triangles, welded_points

_COARSE = 1.6
"""Edges within a patch longer than this many times the mean edge of its rim are split."""

_ROUNDS = 64
"""Of splitting; each about halves the longest edges, but a triangle is split once a round, at its longest edge."""

_FLIPS = 3
"""Rounds of flips after each round of splits, towards Delaunay."""

_MOST_POINTS = 40_000
"""New vertices beyond which patches stay as they are: they span a hole in a terrain, not a gap in an asset."""

_FLAT_ENOUGH = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class _Inner:
    """The edges within patches: both half-edges of each, over the patches' own triangles."""

    half_edges: Int32[np.ndarray, "edges 2"]
    lengths: Float64[np.ndarray, " edges"]


def round_patches(mesh: Mesh, *, first: int) -> Mesh:
    """The mesh with its triangles from `first` on, flat patches over holes, refined to their rim's edge length and bent to go on from it.

    A hole in a sphere thus bulges. New vertices carry the means of the attributes they lie between, seen by nobody. Patches that are as
    fine as their rim stay as they are.
    """
    limits = _limits(mesh, first)
    fine = mesh
    for _ in range(_ROUNDS):
        grown, limits = _split_longest(fine, first, limits)
        if grown is fine:
            break
        if grown.vertex_count > mesh.vertex_count + _MOST_POINTS:
            return mesh
        fine = grown
        for _ in range(_FLIPS):
            before, fine = fine, _flipped(fine, first, mesh.vertex_count)
            if fine is before:
                break
    if fine is mesh:
        return mesh
    faired = _faired(fine, first)
    return mesh if is_degenerate(faired, point_triangles(faired)[0])[first:].any() else faired


def _limits(mesh: Mesh, first: int) -> Float64[np.ndarray, " triangles"]:
    """For each patch triangle the longest edge that its patch's rim allows; no limit where none is much longer than the rim's longest."""
    faces = mesh.triangles[first:].astype(np.int32)
    labels, count = label_components(faces, point_count=mesh.vertex_count)
    edges = find_edges(faces, point_count=mesh.vertex_count)
    points = mesh.positions.astype(np.float64)
    length = np.linalg.norm(points[edges.stops] - points[edges.starts], axis=1)
    rim = edges.twins < 0
    owner = np.repeat(labels, 3)
    longest = np.zeros((2, count))
    np.maximum.at(longest, (rim.astype(np.int64), owner), length)
    mean = np.bincount(owner[rim], length[rim], minlength=count) / np.maximum(np.bincount(owner[rim], minlength=count), 1)
    return np.where(longest[0] > _COARSE * longest[1], _COARSE * mean, np.inf)[labels]


def _inner_edges(mesh: Mesh, first: int) -> _Inner:
    """The edges between two patch triangles."""
    edges = find_edges(mesh.triangles[first:].astype(np.int32), point_count=mesh.vertex_count)
    half = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    points = mesh.positions.astype(np.float64)
    lengths = np.linalg.norm(points[edges.stops[half]] - points[edges.starts[half]], axis=1)
    return _Inner(half_edges=np.stack([half, edges.twins[half]], axis=1), lengths=lengths)


def _alone(half_edges: Int32[np.ndarray, "edges 2"], weight: Float64[np.ndarray, " edges"], triangles: int) -> Bool[np.ndarray, " edges"]:
    """Edges that weigh most among those chosen of both their triangles, so that no triangle is touched twice; weights must be positive."""
    rank = np.empty(len(weight), np.int64)
    rank[np.argsort(weight, kind="stable")] = np.arange(1, len(weight) + 1)
    most = np.zeros(triangles, np.int64)
    for side in (0, 1):
        np.maximum.at(most, half_edges[:, side] // 3, rank)
    return (most[half_edges[:, 0] // 3] == rank) & (most[half_edges[:, 1] // 3] == rank)


def _split_longest(mesh: Mesh, first: int, limits: Float64[np.ndarray, " triangles"]) -> tuple[Mesh, Float64[np.ndarray, " more"]]:
    """The mesh with inner edges halved that are too long and the longest of both their triangles."""
    inner = _inner_edges(mesh, first)
    allowed = limits[inner.half_edges[:, 0] // 3] if len(limits) else np.zeros(0)
    chosen = inner.half_edges[_alone(inner.half_edges, inner.lengths, len(limits)) & (inner.lengths > allowed)]
    if not len(chosen):
        return mesh, limits
    corners = mesh.triangles[first:].reshape(-1)
    ends = np.stack([corners[chosen[:, 0]], corners[next_corners(chosen[:, 0])]], axis=1)
    grown = append_means(mesh, ends.reshape(-1), np.arange(0, 2 * len(chosen) + 1, 2))
    middles = np.arange(mesh.vertex_count, grown.vertex_count, dtype=np.uint32)
    patch = corners.copy()
    added = []
    for side in (0, 1):
        half = chosen[:, side]
        stop = corners[next_corners(half)]
        patch[next_corners(half)] = middles
        added.append(np.stack([middles, stop, corners[next_corners(next_corners(half))]], axis=1))
    owner = chosen.T.reshape(-1) // 3
    ids = None if mesh.material_ids is None else np.concatenate([mesh.material_ids, mesh.material_ids[first + owner]])
    triangles = np.concatenate([mesh.triangles[:first], patch.reshape(-1, 3), *added])
    return replace(grown, triangles=triangles, material_ids=ids), np.concatenate([limits, limits[owner]])


def _flipped(mesh: Mesh, first: int, old_vertices: int) -> Mesh:
    """The mesh with inner edges flipped whose two opposite angles sum to more than half a turn, no triangle touched twice."""
    inner = _inner_edges(mesh, first)
    corners = mesh.triangles[first:].reshape(-1)
    tips = [corners[next_corners(next_corners(inner.half_edges[:, side]))] for side in (0, 1)]
    ends = [corners[inner.half_edges[:, 0]], corners[next_corners(inner.half_edges[:, 0])]]
    points = mesh.positions.astype(np.float64)
    excess = _angle(points, tips[0], *ends) + _angle(points, tips[1], *ends) - np.pi
    # Between two vertices of the rim an edge may exist already, outside the patch.
    able = (excess > _FLAT_ENOUGH) & ((tips[0] >= old_vertices) | (tips[1] >= old_vertices))
    rows = np.flatnonzero(able)
    rows = rows[~_joined(corners, [tip[rows] for tip in tips], mesh.vertex_count)]
    rows = rows[_alone(inner.half_edges[rows], excess[rows], len(corners) // 3)]
    if not len(rows):
        return mesh
    patch = corners.reshape(-1, 3).copy()
    start, stop, left, right = (side[rows] for side in (*ends, *tips))
    patch[inner.half_edges[rows, 0] // 3] = np.stack([left, start, right], axis=1)
    patch[inner.half_edges[rows, 1] // 3] = np.stack([right, stop, left], axis=1)
    return replace(mesh, triangles=np.concatenate([mesh.triangles[:first], patch]))


def _angle(
    points: Float64[np.ndarray, "points 3"], tip: UInt32[np.ndarray, " n"], a: UInt32[np.ndarray, " n"], b: UInt32[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """The angle at each tip between a and b."""
    u, v = points[a] - points[tip], points[b] - points[tip]
    return np.arctan2(np.linalg.norm(np.cross(u, v), axis=1), (u * v).sum(axis=1))


def _joined(corners: UInt32[np.ndarray, " corners"], tips: list[UInt32[np.ndarray, " n"]], vertex_count: int) -> Bool[np.ndarray, " n"]:
    """Which pairs of tips an edge of the patches joins already."""
    is_tip = np.zeros(vertex_count, bool)
    is_tip[tips[0]] = is_tip[tips[1]] = True
    starts, stops = corners, np.roll(corners.reshape(-1, 3), -1, axis=1).reshape(-1)
    between = is_tip[starts] & is_tip[stops]
    pairs = [end[between].astype(np.int64) for end in (starts, stops)]
    keys = [np.minimum(*ends) * vertex_count + np.maximum(*ends) for ends in (pairs, [tip.astype(np.int64) for tip in tips])]
    return np.isin(keys[1], keys[0])


def _faired(mesh: Mesh, first: int) -> Mesh:
    """The mesh with the patches' inner points where the Laplacian of the Laplacian vanishes, which carries slopes on over the rim."""
    points, faces = welded_points(mesh)
    inner = np.unique(faces[first:])
    inner = inner[~np.isin(inner, faces[:first])]
    around = faces[np.isin(faces, np.unique(faces[first:])).any(axis=1)]
    operator = _laplacian(around, points.astype(np.float64))
    square = (operator @ operator)[inner]
    outer = np.setdiff1d(np.arange(len(points)), inner)
    known = -(square[:, outer] @ points[outer].astype(np.float64))
    points[inner] = splu(square[:, inner].tocsc()).solve(known).astype(np.float32)
    positions = np.empty_like(mesh.positions)
    positions[:] = mesh.positions
    positions[mesh.triangles[first:]] = points[faces[first:]]
    return replace(mesh, positions=positions)


def _laplacian(faces: Int32[np.ndarray, "n 3"], points: Float64[np.ndarray, "points 3"]) -> csr_matrix:
    """Each point less the mean of its neighbours, near ones counting more: by the inverse of their distance, as Liepa has it."""
    ends: Int64[np.ndarray, "2 n"] = np.stack([faces, np.roll(faces, -1, axis=1)]).reshape(2, -1).astype(np.int64)
    ends = np.concatenate([ends, ends[::-1]], axis=1)
    weight = 1 / np.maximum(np.linalg.norm(points[ends[0]] - points[ends[1]], axis=1), 1e-12)
    whole = np.maximum(np.bincount(ends[0], weight, minlength=len(points)), 1e-300)
    mean = csr_matrix((weight / whole[ends[0]], (ends[0], ends[1])), (len(points), len(points)))
    return csr_matrix((np.ones(len(points)), (np.arange(len(points)),) * 2), mean.shape) - mean
