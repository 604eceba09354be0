"""Which parts of a mesh only a rebuild can save, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.buried import buried_share
from kiln.geometry.rebuild import measure_sides
from kiln.geometry.topology import find_edges, has_repeated_corner, label_components, point_triangles
from kiln.geometry.triangle_tree import TriangleTree
from kiln.kernels.topology import OPEN

RAGGED = 20.0
"""Length of the rims over the square root of the area beyond which a surface is torn, not cut out: a square sheet has 4, a hemisphere
2.5, a strip of 1 by 10 has 7, a sphere with nine holes of a tenth of its area 6; one of 960 triangles that lost three in ten has 34."""

_PIECE = 0.01
"""A smooth sheet of at least this share of the area stands for itself: a cloth, a leaf. Smaller ones are splinters of something."""

_TORN = 0.05
"""Share of the area that must be torn."""

_SOLID = 0.6
"""Share of the torn surface that must have an inside: a heap of leaves is no solid, and rebuilding would leave nothing of it."""

BURIED = 0.5
"""Share of the surface that may lie inside the rest: two balls 0.7 radii apart have 0.32, eight in such a row 0.56. Beyond it most of the
budget would go to what nobody sees; below it parts that cross stay as sharp as they were made."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Verdict:
    """The triangles that a rebuild should replace, and why."""

    broken: Bool[np.ndarray, " triangles"]
    reason: str
    """Empty where nothing is to be rebuilt."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Parts:
    """A mesh's parts: which triangle is whose, their areas, the length of their rims."""

    labels: Int32[np.ndarray, " triangles"]
    areas: Float64[np.ndarray, " parts"]
    rims: Float64[np.ndarray, " parts"]

    @property
    def smooth(self) -> Bool[np.ndarray, " parts"]:
        """Parts that stand for themselves: large enough, and not torn."""
        return (self.areas >= _PIECE * self.areas.sum()) & (self.rims <= RAGGED * np.sqrt(self.areas))


def judge(mesh: Mesh, *, always: bool = False) -> Verdict:
    """What of the mesh to rebuild: what is torn to shreds and yet a solid; and all closed parts where they mostly lie inside each other.

    Always: everything but open sheets, unless that is no solid.
    """
    parts = _parts(mesh)
    sheets = parts.smooth & (parts.rims > 0)
    if always:
        broken = ~sheets[parts.labels]
        solid = broken.any() and _is_solid(mesh.take_triangles(broken))
        return Verdict(broken=broken, reason="asked for" if solid else "")
    torn = ~parts.smooth
    area, rim = parts.areas[torn].sum(), parts.rims[torn].sum()
    if area > _TORN * parts.areas.sum() and rim > RAGGED * np.sqrt(area):
        broken = torn[parts.labels]
        if _is_solid(mesh.take_triangles(broken)):
            return Verdict(broken=broken, reason=f"its rims are {rim / np.sqrt(area):,.0f} times as long as its size allows")
    broken = ~sheets[parts.labels]
    if broken.any():
        buried = buried_share(mesh if broken.all() else mesh.take_triangles(broken))
        if buried > BURIED:
            return Verdict(broken=broken, reason=f"{buried:.0%} of it lies inside the rest")
    return Verdict(broken=np.zeros(mesh.triangle_count, bool), reason="")


def _is_solid(mesh: Mesh) -> bool:
    """Whether most of a torn surface has an inside."""
    return measure_sides(mesh, TriangleTree(mesh)).solid >= _SOLID


def _parts(mesh: Mesh) -> _Parts:
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces, point_count=point_count)
    proper = np.flatnonzero(~has_repeated_corner(faces))
    edges = find_edges(faces[proper], point_count=point_count)
    half = np.flatnonzero(edges.twins == OPEN)
    rows, corner = proper[half // 3], half % 3
    starts, stops = mesh.triangles[rows, corner], mesh.triangles[rows, (corner + 1) % 3]
    length = np.linalg.norm(mesh.positions[stops].astype(np.float64) - mesh.positions[starts], axis=1)
    return _Parts(
        labels=labels,
        areas=np.bincount(labels, triangle_areas(mesh), minlength=count),
        rims=np.bincount(labels[rows], length, minlength=count).astype(np.float64),  # of no rims numpy counts in whole numbers
    )
