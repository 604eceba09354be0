"""How well convex hulls stand in for a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.geometry.columns import Columns, solid_volume, volumes_apart
from kiln.geometry.distance import distance_to, spread_points
from kiln.geometry.inside import Sides
from kiln.geometry.planes import heights_above, hull_planes
from kiln.geometry.topology import measure_topology

Planes = Float64[np.ndarray, "_ 4"]

_LINES = 128
"""Lines on a side of the grid that volumes are measured on: of two half-overlapping cubes it is right to 0.1 %."""

_POINTS = 4000
"""Points spread over each surface beside its vertices."""

_WORST = 256
"""How many points that stand out most by the hulls' planes are measured exactly: planes say too little beyond a sharp edge."""


@dataclass(frozen=True, kw_only=True)
class HullErrors:
    """How far hulls are from the mesh they stand for; all are shares, 0 is perfect. Volumes are None where the mesh is open or has none."""

    added: float | None
    """Volume within a hull and outside the mesh, as a share of the mesh's."""

    lost: float | None
    """Volume within the mesh and in no hull, as a share of the mesh's."""

    outside: float
    """The farthest that the union's surface stands away from the mesh outside it, as a share of the mesh's diagonal."""

    uncovered: float
    """The farthest that the mesh sticks out of the hulls, as a share of its diagonal."""

    @property
    def volume_error(self) -> float | None:
        """What was added and what was lost together: they do not make up for each other. Also called the symmetric difference."""
        return None if self.added is None or self.lost is None else self.added + self.lost


def hull_errors(mesh: Mesh, hulls: Sequence[Mesh]) -> HullErrors:
    """The errors of convex hulls (closed, outward, at least one) against a mesh.

    Space counts once where hulls overlap, and where parts of the mesh do.
    """
    bodies = [hull_planes(hull) for hull in hulls]
    added, lost = _volumes(mesh, _together(hulls))
    return HullErrors(
        added=added,
        lost=lost,
        outside=_outside(mesh, hulls, bodies) / mesh.diagonal,
        uncovered=_uncovered(mesh, hulls, bodies) / mesh.diagonal,
    )


def enclosed_volume(mesh: Mesh) -> float | None:
    """Volume of the space that a closed mesh encloses, cubic metres; where its parts overlap it counts once. None for an open mesh."""
    return solid_volume(mesh, _columns(mesh)) if measure_topology(mesh).is_closed else None


def _volumes(mesh: Mesh, union: Mesh) -> tuple[float | None, float | None]:
    """Shares added and lost."""
    if not measure_topology(mesh).is_closed:
        return None, None
    volumes = volumes_apart(mesh, union, _columns(mesh, union))
    return (volumes.only_second / volumes.first, volumes.only_first / volumes.first) if volumes.first else (None, None)


def _columns(*meshes: Mesh) -> Columns:
    """The grid over all of these."""
    lows, highs = zip(*(mesh.bounds for mesh in meshes), strict=True)
    return Columns.over(np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64), count=_LINES)


def _outside(mesh: Mesh, hulls: Sequence[Mesh], bodies: Sequence[Planes]) -> float:
    """The farthest that a point of a hull, in no other hull and not in the mesh, is from the mesh, metres."""
    points = np.concatenate([_free_points(number, hulls, bodies) for number in range(len(hulls))])
    return float(distance_to(mesh, points[~Sides(mesh).inside(points)]).max(initial=0.0))


def _uncovered(mesh: Mesh, hulls: Sequence[Mesh], bodies: Sequence[Planes]) -> float:
    """The farthest that a point of the mesh is from the nearest hull, metres."""
    points = np.concatenate([mesh.positions[np.unique(mesh.triangles)].astype(np.float64), spread_points(mesh, _POINTS)])
    above = np.min([heights_above(planes, points) for planes in bodies], axis=0)
    out = np.flatnonzero(above > 0)
    worst = points[out[np.argsort(-above[out], kind="stable")[:_WORST]]]
    return float(distance_to(_together(hulls), worst).max(initial=0.0))


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
