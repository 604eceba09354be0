"""What nobody can ever see: shells within shells, and faces that no way leads to from outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.deadline import KeepGoing, without_end
from kiln.geometry.topology import find_edges, has_repeated_corner, label_components, point_triangles
from kiln.geometry.trace import Scene, scene_of
from kiln.geometry.vectors import face_vectors, unit_vectors

_WAYS = 64
"""Directions in which a face looks for the open air."""

_BOUNCES = 8
"""Faces from each to the next one that light may take to reach a hidden corner: the bottom of a bottle is seen from its neck's inside."""

_OFF_SURFACE = 1e-4
"""Rays start this share of the diagonal before their face."""

_SAMPLES = 24
"""Triangles of a shell that are asked; the shell stays where one of them is reached."""

_LARGEST = 64
"""Shells are looked for within these many of the largest parts."""

_MOST_RAYS = 8_000_000
"""About 8 s of tracing; of a mesh with more candidates each is asked at fewer places, at least one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Air:
    """A mesh made ready to ask which of its faces the outside air reaches."""

    mesh: Mesh
    scene: Scene
    normals: Float32[np.ndarray, "triangles 3"]
    two_sided: Bool[np.ndarray, " triangles"]
    """Faces of open parts: either side may be the one that is looked at."""


def spread_directions(count: int) -> Float32[np.ndarray, "count 3"]:
    """Directions spread evenly over the sphere, on a golden spiral."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - height * height)
    return np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1).astype(np.float32)


def drop_hidden_shells(mesh: Mesh, *, keep_going: KeepGoing = without_end) -> tuple[Mesh, int]:
    """The mesh without closed parts that lie wholly inside others where no air from outside reaches them, and how many were dropped.

    A ball in a bottle stays, one in a closed box goes, and so does the inner wall of a closed hollow box. Mesh must be wound outward.
    """
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces, point_count=point_count)
    candidates = np.flatnonzero(_is_boxed_in(mesh, labels, count) & ~_is_open(faces, point_count, labels, count))
    if not len(candidates):
        return mesh, 0
    asked = spread_over_parts(triangle_areas(mesh), labels, candidates, rays=_MOST_RAYS, ways=_WAYS, most=_SAMPLES)
    hidden_rows = asked[_unreached(_air(mesh), asked, labels, keep_going)]
    reached = np.setdiff1d(asked, hidden_rows)
    hidden = np.setdiff1d(candidates, labels[reached])
    return mesh.take_triangles(~np.isin(labels, hidden)) if len(hidden) else mesh, len(hidden)


def drop_hidden_faces(mesh: Mesh, *, keep_going: KeepGoing = without_end) -> tuple[Mesh, int]:
    """The mesh without the triangles that no air from outside reaches, and how many were dropped.

    Where parts cross, their inner pieces go and rims stay behind. The inside of a cup stays, and of a bottle: air gets there by bounces.
    """
    hidden = _unreached(_air(mesh), np.arange(mesh.triangle_count), np.arange(mesh.triangle_count, dtype=np.int32), keep_going)
    return mesh.take_triangles(~hidden) if hidden.any() and not hidden.all() else mesh, int(hidden.sum())


def _air(mesh: Mesh) -> _Air:
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces, point_count=point_count)
    two_sided = _is_open(faces, point_count, labels, count)[labels]
    return _Air(mesh=mesh, scene=scene_of(mesh), normals=unit_vectors(face_vectors(mesh)).astype(np.float32), two_sided=two_sided)


def _is_open(
    faces: Int32[np.ndarray, "triangles 3"], point_count: int, labels: Int32[np.ndarray, " triangles"], count: int
) -> Bool[np.ndarray, " parts"]:
    """Which parts have an open edge."""
    proper = np.flatnonzero(~has_repeated_corner(faces))
    edges = find_edges(faces[proper], point_count=point_count)
    is_open = np.zeros(count, bool)
    is_open[labels[proper[np.flatnonzero(edges.twins == -1) // 3]]] = True
    return is_open


def _is_boxed_in(mesh: Mesh, labels: Int32[np.ndarray, " triangles"], count: int) -> Bool[np.ndarray, " parts"]:
    """Which parts' bounding boxes lie within the box of one of the largest parts."""
    corners = mesh.positions[mesh.triangles]
    low, high = np.full((count, 3), np.inf, np.float32), np.full((count, 3), -np.inf, np.float32)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    low[:] = np.minimum.reduceat(corners.min(axis=1)[order], starts)
    high[:] = np.maximum.reduceat(corners.max(axis=1)[order], starts)
    boxed = np.zeros(count, bool)
    for part in np.argsort(-np.linalg.norm(high - low, axis=1), kind="stable")[:_LARGEST]:
        boxed |= ((low > low[part]) & (high < high[part])).all(axis=1)
    return boxed


def spread_over_parts(
    areas: Float64[np.ndarray, " triangles"],
    labels: Int32[np.ndarray, " triangles"],
    parts: Int64[np.ndarray, " parts"],
    *,
    rays: int,
    ways: int,
    most: int,
) -> Int64[np.ndarray, " asked"]:
    """Some triangles of each of these parts, in even steps of area: at most `most`, fewer where `ways` rays from each would be too many."""
    each = int(np.clip(rays // (ways * len(parts)), 1, most))
    parts = parts[: rays // ways]
    order = np.flatnonzero(np.isin(labels, parts))
    order = order[np.argsort(labels[order], kind="stable")]
    whole = np.concatenate([[0.0], np.cumsum(areas[order])])
    first = np.searchsorted(labels[order], parts)
    last = np.searchsorted(labels[order], parts, side="right")
    steps = (np.arange(each) + 0.5) / each
    places = whole[first][:, None] + (whole[last] - whole[first])[:, None] * steps
    found = np.searchsorted(whole, places, side="right") - 1
    return np.unique(order[np.clip(found, first[:, None], last[:, None] - 1)])


def _unreached(
    air: _Air, asked: Int64[np.ndarray, " asked"], groups: Int32[np.ndarray, " triangles"], keep_going: KeepGoing
) -> Bool[np.ndarray, " asked"]:
    """Which of the triangles asked no air reaches: no ray from them gets out, nor to a side of another triangle that air reaches.

    A triangle that was not asked counts as reached, unless all that were asked of its group are not.
    """
    ways = spread_directions(_WAYS)
    left = asked
    for way in ways:
        keep_going()
        left = left[_hits(air, left, way) != -1]
    met = np.empty((len(left), len(ways)), np.int32)
    for column, way in enumerate(ways):
        keep_going()
        met[:, column] = _hits(air, left, way)
    lit = np.ones(len(groups), bool)
    lit[np.isin(groups, groups[left])] = False
    lit[np.isin(groups, groups[np.setdiff1d(asked, left)])] = True
    for _ in range(_BOUNCES):
        reached = ((met >= 0) & lit[np.maximum(met, 0)]).any(axis=1)
        if not reached.any():
            break
        lit[np.isin(groups, groups[left[reached]])] = True
        left, met = left[~reached], met[~reached]
    return np.isin(asked, left)


def _hits(air: _Air, rows: Int64[np.ndarray, " n"], way: Float32[np.ndarray, " 3"]) -> Int32[np.ndarray, " n"]:
    """The triangle whose front each face sees in one direction; -1 for the open air, -2 for nothing: a back, or behind the face itself."""
    normals = air.normals[rows]
    facing = normals @ way
    middles = air.mesh.positions[air.mesh.triangles[rows]].mean(axis=1)
    side = np.where(facing < 0, np.float32(-1), np.float32(1))[:, None]
    starts = middles + normals * side * np.float32(_OFF_SURFACE * air.mesh.diagonal)
    asking = (facing > 0) | air.two_sided[rows]
    found = np.full(len(rows), -2, np.int32)
    hits = air.scene.closest(starts[asking], np.broadcast_to(way, (int(asking.sum()), 3)).copy())
    front = (air.normals[np.maximum(hits.triangle, 0)] @ way < 0) | air.two_sided[np.maximum(hits.triangle, 0)]
    found[asking] = np.where(hits.hit, np.where(front, hits.triangle, -2), -1)
    return found
