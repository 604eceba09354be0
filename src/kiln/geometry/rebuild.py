"""A surface made anew around the solid that a broken mesh means: the last rung of repair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.buried import OFF_SURFACE, spread_places
from kiln.geometry.deadline import KeepGoing, without_end
from kiln.geometry.dual import dual_of
from kiln.geometry.polygonize import polygonize
from kiln.geometry.signed_field import BLOCK, signed_field
from kiln.geometry.transfer import with_attributes_of
from kiln.geometry.triangle_tree import TriangleTree

_MOST_CELLS = 250_000
"""Cells that the surface may run through: a ball has 160,000 at 224 voxels, a box 300,000. A heap of large triangles that cross would have
ten million and take minutes; its cells are made larger instead."""

_LEAST_LEVEL = 0.15
"""Below this mean winding number of its two sides a surface has no inside: a single sheet has 0."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The winding numbers just before and behind places spread evenly over a surface."""

    before: Float32[np.ndarray, " n"]
    behind: Float32[np.ndarray, " n"]

    @property
    def level(self) -> float:
        """Winding number that parts inside from outside: 0.5 for a whole surface, 0.35 where three tenths are missing, 0 for sheets."""
        return float(np.median((self.before + self.behind) / 2).clip(0, 0.5))

    @property
    def solid(self) -> float:
        """Share of the surface that has an inside behind it and an outside before it."""
        middle = (self.before + self.behind) / 2
        return float((middle > _LEAST_LEVEL).mean())


def measure_sides(mesh: Mesh, tree: TriangleTree) -> Sides:
    """Winding numbers on both sides of the mesh, at places in proportion to area."""
    places, normals = spread_places(mesh)
    offset = normals * (OFF_SURFACE * mesh.diagonal)
    return Sides(before=tree.winding(places + offset), behind=tree.winding(places - offset))


def rebuild(mesh: Mesh, *, voxels: int = 224, keep_going: KeepGoing = without_end) -> Mesh:
    """A closed, outward surface around what the mesh encloses, with the mesh's attributes; empty where it encloses nothing.

    Grid points are inside where the generalized winding number says so (Jacobson et al. 2013), which holes, gaps, crossings and inner
    shells do not confuse; the planes of the mesh around each cell place the surface in it, so edges stay sharp. `voxels` are the cells
    along the longest side: what is thinner than one is lost. 350k to 500k triangles at 224 take about 4 s of one core. `keep_going` is
    called between batches and may raise OutOfTime. Closed and, but for rare edges of four triangles that repair parts, manifold.
    """
    tree = TriangleTree(mesh, keep_going=keep_going)
    level = max(measure_sides(mesh, tree).level, _LEAST_LEVEL)
    low, high = (bound.astype(np.float64) for bound in mesh.bounds)
    cell = max(float((high - low).max()) / voxels, float(np.sqrt(triangle_areas(mesh).sum() / _MOST_CELLS)), 1e-30)
    # An odd offset: on a grid that goes through the faces of a box all of its points would lie on the surface.
    origin = low - cell * np.array([2.37, 2.41, 2.43])
    size = ((np.ceil((high - origin) / cell).astype(int) + 3) // (2 * BLOCK) + 1) * 2 * BLOCK
    field = signed_field(mesh, tree, origin=origin, cell=cell, size=size, level=level, keep_going=keep_going)
    surface = polygonize(field, origin=tuple(origin.tolist()), spacing=(cell, cell, cell))
    if surface.triangle_count == 0:
        return surface
    return with_attributes_of(dual_of(surface, mesh, tree, origin=origin, cell=cell), mesh, tree)
