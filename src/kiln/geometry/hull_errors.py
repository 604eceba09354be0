"""How well convex hulls stand in for a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from kiln.asset import Mesh
from kiln.geometry.areas import volume
from kiln.geometry.columns import Columns, overlap_volume, solid_volume, spans
from kiln.geometry.distance import distance_to, spread_points
from kiln.geometry.planes import heights_above, hull_planes
from kiln.geometry.topology import measure_topology
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import face_vectors

Planes = Float64[np.ndarray, "_ 4"]

_LINES = 128
"""Lines on a side of the grid that overlaps are measured on: of two half-overlapping cubes it is right to 0.1 %, in 20 ms."""

_POINTS = 4000
"""Points spread over each surface beside its vertices."""

_WORST = 256
"""How many points that stand out most by the hulls' planes are measured exactly: planes say too little beyond a sharp edge."""

_WAYS = np.array([(0.31, 0.90, 0.30), (-0.83, 0.21, 0.52), (0.42, -0.57, -0.71)], np.float32)
"""Directions to look into from a point to tell whether it is inside; two of the three decide. Along no axis, where edges line up."""


@dataclass(frozen=True, kw_only=True)
class HullErrors:
    """How far hulls are from the mesh they stand for; all are shares, 0 is perfect."""

    volume_error: float | None
    """What the volume of the hulls' union differs from the mesh's, as a share of the mesh's; None where the mesh is open or has none."""

    outside: float
    """The farthest that the union's surface stands away from the mesh outside it, as a share of the mesh's diagonal."""

    uncovered: float
    """The farthest that the mesh sticks out of the hulls, as a share of its diagonal."""


def hull_errors(mesh: Mesh, hulls: Sequence[Mesh]) -> HullErrors:
    """The errors of convex hulls (closed, outward, at least one) against a mesh. 10k triangles and 8 hulls take 0.2 s.

    Volumes are of unions: where hulls overlap, and where parts of the mesh do, space counts once.
    """
    return HullMeter(mesh).errors(hulls)


class HullMeter:
    """A mesh made ready to measure several sets of hulls against it."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._enclosed = enclosed_volume(mesh)
        self._scene = Scene(mesh)
        self._normals = face_vectors(mesh)
        self._points = np.concatenate([mesh.positions[np.unique(mesh.triangles)].astype(np.float64), spread_points(mesh, _POINTS)])

    def errors(self, hulls: Sequence[Mesh]) -> HullErrors:
        """As `hull_errors`."""
        bodies = [hull_planes(hull) for hull in hulls]
        return HullErrors(
            volume_error=abs(union_volume(hulls) - self._enclosed) / self._enclosed if self._enclosed else None,
            outside=self._outside(hulls, bodies) / self._mesh.diagonal,
            uncovered=self._uncovered(hulls, bodies) / self._mesh.diagonal,
        )

    def _outside(self, hulls: Sequence[Mesh], bodies: Sequence[Planes]) -> float:
        """The farthest that a point of a hull, in no other hull and not in the mesh, is from the mesh, metres."""
        points = np.concatenate([_free_points(number, hulls, bodies) for number in range(len(hulls))])
        return float(distance_to(self._mesh, points[~self._is_inside(points)]).max(initial=0.0))

    def _is_inside(self, points: Float64[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Whether most rays from a point meet the mesh's back first."""
        votes = np.zeros(len(points), int)
        for way in _WAYS:
            hits = self._scene.closest(points.astype(np.float32), np.tile(way, (len(points), 1)))
            votes += hits.hit & (self._normals[hits.triangle] @ way > 0)
        return votes >= 2

    def _uncovered(self, hulls: Sequence[Mesh], bodies: Sequence[Planes]) -> float:
        """The farthest that a point of the mesh is from the nearest hull, metres."""
        above = np.min([heights_above(planes, self._points) for planes in bodies], axis=0)
        out = np.flatnonzero(above > 0)
        worst = self._points[out[np.argsort(-above[out], kind="stable")[:_WORST]]]
        return float(distance_to(_together(hulls), worst).max(initial=0.0))


def union_volume(hulls: Sequence[Mesh], *, count: int = _LINES) -> float:
    """Volume of the hulls together, cubic metres; where they overlap it counts once."""
    total = sum(volume(hull) for hull in hulls)
    if len(hulls) == 1:
        return total
    low, high = _bounds(hulls)
    columns = Columns.over(low, high, count=count)
    return total - overlap_volume([spans(hull_planes(hull), columns) for hull in hulls], columns)


def enclosed_volume(mesh: Mesh) -> float | None:
    """Volume of the space that a closed mesh encloses, cubic metres; where its parts overlap it counts once. None for an open mesh."""
    if not measure_topology(mesh).is_closed:
        return None
    low, high = _bounds([mesh])
    return solid_volume(mesh, Columns.over(low, high, count=_LINES))


def _bounds(meshes: Sequence[Mesh]) -> tuple[Float64[np.ndarray, " 3"], Float64[np.ndarray, " 3"]]:
    lows, highs = zip(*(mesh.bounds for mesh in meshes), strict=True)
    return np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64)


def _together(hulls: Sequence[Mesh]) -> Mesh:
    """All hulls as one mesh."""
    starts = np.cumsum([0, *(hull.vertex_count for hull in hulls[:-1])])
    triangles = [hull.triangles + np.uint32(start) for hull, start in zip(hulls, starts, strict=True)]
    return Mesh(positions=np.concatenate([hull.positions for hull in hulls]), triangles=np.concatenate(triangles))


def _free_points(number: int, hulls: Sequence[Mesh], bodies: Sequence[Planes]) -> Float64[np.ndarray, "n 3"]:
    """Points of one hull's surface that lie in no other hull."""
    hull = hulls[number]
    points = np.concatenate([hull.positions.astype(np.float64), spread_points(hull, max(_POINTS // len(hulls), 1))])
    for other, planes in enumerate(bodies):
        if other != number:
            points = points[heights_above(planes, points) > 0]
    return points
