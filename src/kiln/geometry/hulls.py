"""A few convex hulls for collisions that follow a shape as closely as a budget of triangles allows.

The shape is cut into nearly convex parts, more than wanted; parts are joined again, two by two, where that fills least; for each number of
parts the budget goes to where it saves most, and of all those sets of hulls the one that measures best is taken. So a table
gets five boxes and a vase one hull of many triangles, without anybody choosing a concavity.
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
from kiln.geometry.cuts import cut_apart
from kiln.geometry.hull_budget import spend
from kiln.geometry.hull_errors import HullErrors, HullMeter, hull_errors
from kiln.geometry.join_parts import join_parts
from kiln.geometry.simplify import simplify
from kiln.geometry.slim_hull import Slim, Tolerance, slim_hulls
from kiln.isolate import run_isolated

Method = Literal["cuts", "coacd", "best"]
"""Who parts the shape: our own cuts (0.3 s), CoACD in a child process (1 to 3 s), or both, and the better result is taken."""

_DETAIL = 500
"""Triangles the decomposition sees: a cow of 5,856 took CoACD 4.8 s, of 800 2.3 s, of 500 1.2 s, for eight hulls of the same volume."""

_CUTS = 14
"""Before parts are joined again."""

_COACD = "kiln.geometry.coacd_child:decompose"
_COACD_CONCAVITY = 0.06
"""Of a unit box, that CoACD may leave in a part, before parts are joined again."""

_GOOD_VOLUME, _GOOD_DISTANCE = 0.10, 0.02
"""Errors that professionals accept: of the volume, and of the extent. Sets of hulls are compared by the sum of errors in these units."""

_SLIM_DISTANCE = 0.04
"""Of the diagonal: what one part may stand out or lack at the cost of a tenth of all volume. At 0.02 volume counted too little."""


_PATIENCE = 5
"""How many more parts in a row may bring nothing before no more are tried: a ring needs five before its hole opens."""

_PERFECT = 0.2
"""Badness from which on no more parts are tried."""


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
    """What engines and games allow."""

    hulls: int
    """Most hulls."""

    vertices: int
    """Most vertices of a hull."""

    triangles: int
    """Most triangles of all hulls together; at least 12, a box."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Candidate:
    parts: tuple[Corners, ...]
    hulls: tuple[Mesh, ...]
    errors: HullErrors

    @property
    def badness(self) -> float:
        """Errors in units of what is good."""
        return (self.errors.volume_error or 0.0) / _GOOD_VOLUME + (self.errors.outside + self.errors.uncovered) / _GOOD_DISTANCE


def decompose(mesh: Mesh, *, budget: Budget, method: Method = "cuts", time_limit_s: float) -> Hulls:
    """Hulls within the budget that follow the mesh as closely as it allows; when time runs out or CoACD fails, what is there by then.

    A mesh of 10,000 triangles takes 1.5 s by cuts.
    """
    stop = time.monotonic() + time_limit_s
    rough = simplify(mesh, triangles=_DETAIL)
    meter = HullMeter(rough)
    sets, trouble = _part_sets(rough, method, stop)
    found = [_best_of(parts, meter, rough.diagonal, budget, stop) for parts in sets]
    best = min(found, key=lambda candidate: candidate.badness)
    return Hulls(hulls=best.hulls, parts=best.parts, errors=hull_errors(mesh, best.hulls), fallback="; ".join(trouble))


def one_hull(mesh: Mesh, points: Corners, *, budget: Budget) -> Hulls:
    """One hull around these points, which stand for the mesh, with the measured errors."""
    hull = convex_hull(points, vertices=min(budget.vertices, budget.triangles // 2 + 2))
    return Hulls(hulls=(hull,), parts=(points,), errors=hull_errors(mesh, (hull,)))


def convex_hull(points: Float[np.ndarray, "n 3"], *, vertices: int) -> Mesh:
    """A closed, outward convex mesh of at most this many vertices around (nearly) all points."""
    corners = hull_corners(thickened(points))
    tolerance = Tolerance(volume=hull_volume(corners), distance=float(np.linalg.norm(np.ptp(corners, axis=0))))
    return hull_mesh(slim_hulls(corners, vertices=vertices, tolerance=tolerance)[-1].corners)


def _part_sets(rough: Mesh, method: Method, stop: float) -> tuple[list[list[Corners]], list[str]]:
    """The parts by each way that was asked for, and what went wrong; one part at least."""
    sets: list[list[Corners]] = []
    trouble: list[str] = []
    if method != "cuts":
        try:
            sets.append(_coacd_parts(rough, timeout_s=max(stop - time.monotonic(), 1e-3)))
        except BackendError as error:
            trouble.append(f"{error}; cut without it")
    if method != "coacd" or not sets:
        sets.append(cut_apart(rough, cuts=_CUTS, go_on=lambda: time.monotonic() < stop))
        if time.monotonic() >= stop:
            trouble.append(f"the time limit ended the cutting at {len(sets[-1])} part{'s' * (len(sets[-1]) > 1)}")
    return sets, trouble


def _coacd_parts(rough: Mesh, *, timeout_s: float) -> list[Corners]:
    parts = run_isolated(
        _COACD,
        rough.positions.astype(np.float64),
        rough.triangles.astype(np.int32),
        concavity=_COACD_CONCAVITY,
        most=_CUTS + 1,
        timeout_s=timeout_s,
    )
    if not parts:
        raise BackendError("CoACD found no parts")
    return [hull_corners(points) for points in parts]


def _best_of(parts: list[Corners], meter: HullMeter, diagonal: float, budget: Budget, stop: float) -> _Candidate:
    """The best set of hulls that joins of these parts give. One hull is tried first, then more and more while that helps."""
    total = sum(map(hull_volume, parts))
    tolerance = Tolerance(volume=max(_GOOD_VOLUME * total, 1e-30), distance=_SLIM_DISTANCE * diagonal)
    tried: list[_Candidate] = []
    for joined, chosen in _affordable(parts, budget, tolerance):
        hulls = tuple(hull_mesh(slim.corners) for slim in chosen)
        tried.append(_Candidate(parts=joined, hulls=hulls, errors=meter.errors(hulls)))
        best = min(range(len(tried)), key=lambda number: tried[number].badness)
        if tried[best].badness < _PERFECT or len(tried) - best > _PATIENCE or time.monotonic() > stop:
            break
    return tried[best]


def _affordable(parts: list[Corners], budget: Budget, tolerance: Tolerance) -> Iterator[tuple[tuple[Corners, ...], list[Slim]]]:
    """One part, two parts and so on, each with the hulls within the budget of triangles that cost least."""
    slimmed: dict[int, list[Slim]] = {}
    for joined in reversed([joined for joined in join_parts(parts) if len(joined) <= budget.hulls]):
        for part in joined:
            if id(part) not in slimmed:
                slimmed[id(part)] = slim_hulls(part, vertices=min(budget.vertices, budget.triangles // 2 + 2), tolerance=tolerance)
        chosen = spend([slimmed[id(part)] for part in joined], triangles=budget.triangles)
        if chosen is None:
            return
        yield joined, chosen
