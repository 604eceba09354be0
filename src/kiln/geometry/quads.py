"""A remesh in quads through Instant Meshes, an optional library, with a look at what it really made."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt32

from kiln.asset import Mesh
from kiln.errors import BackendError
from kiln.geometry.distance import distance_to
from kiln.geometry.reduce import parted
from kiln.geometry.topology import Topology, has_repeated_corner, measure_topology, welded_points
from kiln.geometry.vectors import face_vectors
from kiln.isolate import run_isolated

LIBRARY = "pynanoinstantmeshes"

_SUBDIVIDED = 4.2
"""Quads that come out for each face asked for: four, and 2 to 6 % more on a knot, a ball and an animal at 500 to 5,000 faces."""

_TRIES = 3
"""Of asking for a few less, which comes out differently: often without the one or two non-manifold edges that there were."""

_NEXT = 0.95
"""Times as many quads are asked for next."""

_LEAST = 0.75
"""Share of the budget that must be used."""

_FARTHEST = 0.01
"""Share of the diagonal that no point of the shape may be away from the quads. Thin parts that were lost are farther."""

_PROBES = 20_000
"""Points of the shape that are measured."""


@dataclass(frozen=True, kw_only=True)
class Quads:
    """A mesh of quads: triangles 2 i and 2 i + 1 are quad i, for every i."""

    mesh: Mesh
    share: float
    """Of quads that are sound ones: convex as seen along their normal."""

    farthest: float
    """From the shape, as a share of its diagonal."""


def quads(mesh: Mesh, *, triangles: int, time_limit_s: float) -> Quads | str:
    """The shape in quads, two triangles each, at most this many triangles; or why there are none, in words.

    The mesh should be manifold and a few times denser than the result. The library runs in a child process under the time limit (seconds
    for each of up to three tries). Its result counts only if it is manifold, closed where the mesh is, in as many parts, within the budget
    and nowhere far from the mesh.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        return "the library is missing: pip install kiln3d[quads]"
    wanted, outcome = triangles / 2, ""
    for _ in range(_TRIES):
        try:
            points, corners = _remeshed(mesh, faces=max(8, int(wanted / _SUBDIVIDED)), time_limit_s=time_limit_s)
        except BackendError as error:
            return str(error).splitlines()[0]
        made = Mesh(positions=points, triangles=_cut(points, corners))
        judged = _judged(made, mesh, budget=triangles)
        if isinstance(judged, Quads):
            return judged
        outcome = judged
        wanted *= _NEXT * min(1.0, triangles / made.triangle_count)
    return outcome


def _remeshed(mesh: Mesh, *, faces: int, time_limit_s: float) -> tuple[Float32[np.ndarray, "points 3"], UInt32[np.ndarray, "quads 4"]]:
    """What the library makes of it."""
    call = "kiln.geometry.quads_child:remesh"
    given = welded_points(mesh)
    points, corners = run_isolated(call, *given, faces=faces, timeout_s=time_limit_s)
    if not (len(corners) and np.isfinite(points).all() and int(corners.max()) < len(points)):
        raise BackendError(f"{LIBRARY} gave no usable quads")
    return points, corners


def _cut(points: Float32[np.ndarray, "points 3"], corners: UInt32[np.ndarray, "quads 4"]) -> UInt32[np.ndarray, "triangles 3"]:
    """Each quad cut along its shorter diagonal into two triangles, one after the other."""
    a, b, c, d = (points[corners[:, k]].astype(np.float64) for k in range(4))
    turned = np.linalg.norm(a - c, axis=1) > np.linalg.norm(b - d, axis=1)
    turned_corners = np.where(turned[:, None], np.roll(corners, -1, axis=1), corners)
    return turned_corners[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _judged(made: Mesh, mesh: Mesh, *, budget: int) -> Quads | str:
    """The quads, or what is wrong with them."""
    if not has_repeated_corner(made.triangles.astype(np.int32)).any():
        made = parted(made)
    after, before = measure_topology(made), measure_topology(mesh)
    farthest = float(distance_to(made, _probes(mesh)).max()) / mesh.diagonal
    flaw = _flaw(after, before, budget)
    if flaw is None and farthest > _FARTHEST:
        flaw = f"the shape is up to {farthest:.1%} of its diagonal away from them"
    if flaw is not None:
        return f"{LIBRARY}'s quads are no use: {flaw}"
    return Quads(mesh=made, share=_sound_share(made), farthest=farthest)


def _flaw(after: Topology, before: Topology, budget: int) -> str | None:
    """What is worse after than before, or off the budget."""
    if after.non_manifold_edges or after.degenerate_triangles or after.inconsistent_edges:
        return f"{after.non_manifold_edges} non-manifold edges, {after.degenerate_triangles} degenerate triangles"
    if after.open_edges and not before.open_edges:
        return f"{after.open_edges} open edges, where there were none"
    if after.components != before.components:
        return f"{after.components} parts, where there were {before.components}"
    if not _LEAST * budget <= after.triangles <= budget:
        return f"{after.triangles:,} triangles for a budget of {budget:,}"
    return None


def _probes(mesh: Mesh) -> Float64[np.ndarray, "probes 3"]:
    """Evenly many vertices out of all."""
    step = max(1, mesh.vertex_count // _PROBES)
    return mesh.positions[::step].astype(np.float64)


def _sound_share(mesh: Mesh) -> float:
    """Share of the quads whose two triangles, cut along either diagonal, all face the quad's way."""
    first, second = mesh.triangles[::2], mesh.triangles[1::2]
    other = np.stack(
        [np.stack([first[:, 1], first[:, 2], second[:, 2]], axis=1), np.stack([first[:, 1], second[:, 2], first[:, 0]], axis=1)]
    )
    halves = [face_vectors(Mesh(positions=mesh.positions, triangles=t)) for t in (first, second, other[0], other[1])]
    whole = halves[0] + halves[1]
    return float(np.mean(np.min([np.einsum("nk,nk->n", half, whole) for half in halves], axis=0) > 0))
