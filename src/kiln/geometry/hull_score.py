"""Scores many sets of convex hulls against one mesh, quickly: what each hull covers is looked up once, sets are unions of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64

from kiln.asset import Mesh
from kiln.geometry.convex import Corners, hull_equations
from kiln.geometry.inside import Heights
from kiln.geometry.planes import heights_above
from kiln.geometry.slim_hull import Slim

_CELLS = 15_000
"""About so many points fill the mesh's bounding box, evenly."""

_MARGIN = 0.03
"""Of the diagonal, around the box: hulls reach a little beyond the mesh."""

_GOOD_VOLUME, _GOOD_DISTANCE = 0.10, 0.02
"""Errors that professionals accept: of the volume, and of the diagonal. Scores are sums of errors in these units."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Body:
    """What one hull covers."""

    covers: Bool[np.ndarray, " cells"]
    above: Float64[np.ndarray, " surface"]
    """The mesh's points' heights above it, metres."""

    tips: Corners
    tip_heights: Float64[np.ndarray, " tips"]
    """Its corners' heights above the mesh, metres."""

    planes: Float64[np.ndarray, "planes 4"]


class HullScore:
    """A mesh made ready to score sets of hulls against it."""

    def __init__(self, mesh: Mesh, heights: Heights) -> None:
        self._heights, self._diagonal = heights, mesh.diagonal
        self._surface = heights.surface
        self._bodies: dict[int, tuple[Slim, _Body]] = {}
        low, high = (corner.astype(np.float64) for corner in mesh.bounds)
        low, size = low - _MARGIN * mesh.diagonal, high - low + 2 * _MARGIN * mesh.diagonal
        step = float((size.prod() / _CELLS) ** (1 / 3))
        axes = [start + (np.arange(max(int(length / step), 1)) + 0.5) * step for start, length in zip(low, size, strict=True)]
        self._cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    @cached_property
    def _above(self) -> Float64[np.ndarray, " cells"]:
        return self._heights(self._cells)

    def badness(self, hulls: Sequence[Slim]) -> float:
        """Volume added and lost, and how far the hulls stand out and fall short, in units of what is good: 0 is perfect."""
        bodies = [self._body(slim) for slim in hulls]
        covered = np.any([body.covers for body in bodies], axis=0)
        within = self._above < 0
        volume = float((covered ^ within).sum()) / max(int(within.sum()), 1)
        outside = max(float(self._above[covered].max(initial=0.0)), *(self._tip(body, bodies) for body in bodies))
        uncovered = max(float(np.min([body.above for body in bodies], axis=0).max()), 0.0)
        return volume / _GOOD_VOLUME + (outside + uncovered) / (_GOOD_DISTANCE * self._diagonal)

    def _tip(self, body: _Body, bodies: Sequence[_Body]) -> float:
        """How far the corner that stands out most does so; corners within another hull do not count."""
        free = np.ones(len(body.tips), bool)
        for other in bodies:
            free &= (heights_above(other.planes, body.tips) > 0) | (other is body)
        return float(body.tip_heights[free].max(initial=0.0))

    def _body(self, slim: Slim) -> _Body:
        if id(slim) not in self._bodies:
            self._bodies[id(slim)] = slim, self._looked_up(slim.corners)
        return self._bodies[id(slim)][1]

    def _looked_up(self, corners: Corners) -> _Body:
        planes = hull_equations(corners)
        near = ((self._cells > corners.min(axis=0)) & (self._cells < corners.max(axis=0))).all(axis=1)
        covers = np.zeros(len(self._cells), bool)
        covers[near] = heights_above(planes, self._cells[near]) < 0
        above = heights_above(planes, self._surface)
        return _Body(covers=covers, above=above, tips=corners, tip_heights=self._heights(corners), planes=planes)
