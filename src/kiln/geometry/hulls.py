"""A few convex hulls for collisions that follow a shape as closely as a budget of triangles allows.

The shape is cut into nearly convex parts, more than wanted; parts are joined again, two by two, where that fills least; for each number of
parts the budget goes to where it saves most, and of all those sets of hulls the one that measures best is taken. So a table
gets a hull for each leg and a vase one hull of many triangles, without anybody choosing a concavity.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from kiln.asset import Mesh
from kiln.errors import BackendError
from kiln.geometry.convex import Corners, hull_corners, hull_mesh, hull_volume, thickened
from kiln.geometry.cuts import cut_apart, is_hollow
from kiln.geometry.distance import distance_to, spread_points
from kiln.geometry.hull_budget import spend
from kiln.geometry.hull_errors import HullErrors, hull_errors
from kiln.geometry.hull_score import HullScore
from kiln.geometry.inside import Heights
from kiln.geometry.join_parts import join_parts
from kiln.geometry.simplify import simplify
from kiln.geometry.slim_hull import Slim, Tolerance, grown_over, slim_hulls
from kiln.isolate import run_isolated

Method = Literal["cuts", "coacd", "best"]
"""Who parts the shape: our own cuts, CoACD in a child process (1 to 3 s more), or both, and the better result is taken."""

_DETAILS = (500, 2000)
"""Triangles the decomposition sees: with 350 errors were 7 % larger, and CoACD takes 4.8 s for a cow of 5,856, 1.2 s for it of 500. A tree
of 70 loops has no 500: its trunk, a quarter of the diagonal, was given up for them."""

_LOST, _CHECKED = 0.03, 500
"""A rough copy this far (share of the diagonal) from any of so many points of the mesh has lost something."""

_CUTS = 11
"""At least, before parts are joined again."""

_COACD = "kiln.geometry.coacd_child:decompose"
_COACD_CONCAVITY = 0.06
"""Of a unit box, that CoACD may leave in a part, before parts are joined again."""

_GOOD_VOLUME = 0.10
"""Of the volume: an error that professionals accept."""

_SLIM_DISTANCE = 0.06
"""Of the diagonal: what one part may stand out or lack at the cost of a tenth of all volume. At 0.02 errors were 3 % larger."""

_PATIENCE = 3
"""How many more parts in a row may bring nothing before no more are tried: of eight shapes none got better by five."""

_MOST_OF_SHARE = 3.0
"""A part gets no more than three times its share of the triangles: hulls that none can pay for need not be made."""

_PERFECT = 0.2
"""Badness from which on no more parts are tried."""


_Found = tuple[float, tuple[Corners, ...], list[Slim]]
"""Badness, the parts, and a hull for each."""


@dataclass(frozen=True, kw_only=True)
class Hulls:
    """Convex hulls, how good they are, and how they came about."""

    hulls: tuple[Mesh, ...]
    parts: tuple[Corners, ...]
    """For each hull the corners of the part of the mesh that it stands for; it may have many more."""

    errors: HullErrors
    """Measured against the mesh."""

    fallback: str = ""
    """What failed or ran out of time, and what was done instead; empty when nothing did."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What engines and games allow and ask for."""

    hulls: int
    """Most hulls."""

    vertices: int
    """Most vertices of a hull."""

    triangles: int
    """Most triangles of all hulls together; at least 12, a box."""

    cover: bool = False
    """Hulls enclose the whole mesh, so that nothing sinks into it; more of them stands out."""


def decompose(mesh: Mesh, *, budget: Budget, method: Method = "cuts", time_limit_s: float) -> Hulls:
    """Hulls within the budget that follow the mesh as closely as it allows; when time runs out or CoACD fails, what is there by then.

    A mesh of 10,000 triangles takes about 1 s by cuts.

    How far that is, is a matter of triangles, and then of hulls; farthest outside, as a share of the extent, and volume added and lost:

    | hulls, triangles      | knot        | goblin     |
    | --------------------- | ----------- | ---------- |
    | 12, 1 % of the mesh's | 10 %, 0.64  | 5 %, 0.27  |
    | 12, 3 %               | 10 %, 0.42  | 4 %, 0.14  |
    | 32, 3 %               | 5 %, 0.26   | 3 %, 0.15  |
    | 32, 10 %              | 5 %, 0.20   | 2 %, 0.08  |

    With 98 triangles twelve pieces of a bent tube have six corners each, which stand out at the bends whatever is done.
    """
    stop = time.monotonic() + time_limit_s
    rough = _rough(mesh)
    search = _Search(rough, budget)
    sets, trouble = _part_sets(rough, method, max(_CUTS, budget.hulls), stop)
    found = [search.best_of(parts, stop) for parts in sets]
    _, parts, slims = min(found, key=lambda best: best[0])
    corners = [slim.corners for slim in slims]
    if budget.cover:
        corners = grown_over(corners, mesh.positions.astype(np.float64))
    hulls = tuple(hull_mesh(body) for body in corners)
    return Hulls(hulls=hulls, parts=parts, errors=hull_errors(mesh, hulls), fallback="; ".join(trouble))


def one_hull(mesh: Mesh, points: Corners, *, budget: Budget) -> Hulls:
    """One hull around these points, which stand for the mesh, with the measured errors."""
    hull = convex_hull(points, vertices=min(budget.vertices, budget.triangles // 2 + 2))
    return Hulls(hulls=(hull,), parts=(points,), errors=hull_errors(mesh, (hull,)))


def convex_hull(points: Float[np.ndarray, "n 3"], *, vertices: int) -> Mesh:
    """A closed, outward convex mesh of at most this many vertices around (nearly) all points."""
    corners = hull_corners(thickened(points))
    tolerance = Tolerance(volume=hull_volume(corners), distance=float(np.linalg.norm(np.ptp(corners, axis=0))))
    return hull_mesh(slim_hulls(corners, vertices=vertices, tolerance=tolerance)[-1].corners)


def _rough(mesh: Mesh) -> Mesh:
    """Few triangles of the same shape: the first number of them that loses nothing."""
    points = spread_points(mesh, _CHECKED)
    for detail in _DETAILS:
        rough = simplify(mesh, triangles=detail)
        if distance_to(rough, points).max() < _LOST * mesh.diagonal:
            return rough
    return mesh


def _part_sets(rough: Mesh, method: Method, cuts: int, stop: float) -> tuple[list[list[Corners]], list[str]]:
    """The parts by each way that was asked for, and what went wrong; one part at least."""
    sets: list[list[Corners]] = []
    trouble: list[str] = []
    if method != "cuts":
        try:
            sets.append(_coacd_parts(rough, cuts + 1, timeout_s=max(stop - time.monotonic(), 1e-3)))
        except BackendError as error:
            trouble.append(f"{error}; cut without it")
    if method != "coacd" or not sets:
        sets.append(cut_apart(rough, cuts=cuts, go_on=lambda: time.monotonic() < stop))
        if time.monotonic() >= stop:
            trouble.append(f"the time limit ended the cutting at {len(sets[-1])} part{'s' * (len(sets[-1]) > 1)}")
    return sets, trouble


def _coacd_parts(rough: Mesh, most: int, *, timeout_s: float) -> list[Corners]:
    parts = run_isolated(
        _COACD,
        rough.positions.astype(np.float64),
        rough.triangles.astype(np.int32),
        concavity=_COACD_CONCAVITY,
        most=most,
        timeout_s=timeout_s,
    )
    if not parts:
        raise BackendError("CoACD found no parts")
    return [hull_corners(points) for points in parts]


class _Search:
    """What is known of the mesh while sets of hulls are compared."""

    def __init__(self, rough: Mesh, budget: Budget) -> None:
        self._budget, self._hollow, self._diagonal = budget, is_hollow(rough), rough.diagonal
        self._heights = Heights(rough)
        self._score = HullScore(rough, self._heights)

    def best_of(self, parts: list[Corners], stop: float) -> _Found:
        """The best set of hulls that joins of these parts give. One hull is tried first, then more and more while that helps."""
        tolerance = Tolerance(volume=max(_GOOD_VOLUME * sum(map(hull_volume, parts)), 1e-30), distance=_SLIM_DISTANCE * self._diagonal)
        tried: list[_Found] = []
        for joined, chosen in self._affordable(parts, tolerance):
            tried.append((self._score.badness(chosen), joined, chosen))
            best = min(range(len(tried)), key=lambda number: tried[number][0])
            if tried[best][0] < _PERFECT or len(tried) - best > _PATIENCE or time.monotonic() > stop:
                break
        return tried[best]

    def _affordable(self, parts: list[Corners], tolerance: Tolerance) -> Iterator[tuple[tuple[Corners, ...], list[Slim]]]:
        """One part, two parts and so on, each with the hulls within the budget of triangles that cost least."""
        slimmed: dict[int, list[Slim]] = {}
        heights = None if self._hollow else self._heights
        for joined in reversed([joined for joined in join_parts(parts) if len(joined) <= self._budget.hulls]):
            vertices = min(self._budget.vertices, int(min(_MOST_OF_SHARE / len(joined), 1) * self._budget.triangles) // 2 + 2)
            for part in joined:
                if id(part) not in slimmed:
                    slimmed[id(part)] = slim_hulls(part, vertices=vertices, tolerance=tolerance, heights=heights, cover=self._budget.cover)
            chosen = spend([slimmed[id(part)] for part in joined], triangles=self._budget.triangles)
            if chosen is None:
                return
            yield joined, chosen
