"""A mesh with its defects mended, as far as that makes nothing worse: a ladder from welding to a rebuild."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from kiln.asset import Mesh
from kiln.errors import ModelError
from kiln.geometry.buried import buried_share
from kiln.geometry.clean import (
    close_cracks,
    collapse_flat,
    cut_one_sided,
    drop_extra,
    join_t_junctions,
    make_manifold,
    say,
    zip_rims,
)
from kiln.geometry.components import drop_floaters
from kiln.geometry.deadline import Deadline, KeepGoing, OutOfTime
from kiln.geometry.fill import fill_holes
from kiln.geometry.grow import join_meshes
from kiln.geometry.missed import missed_by
from kiln.geometry.orient import orient
from kiln.geometry.rebuild import rebuild
from kiln.geometry.shells import drop_hidden_faces, drop_hidden_shells
from kiln.geometry.topology import Topology, topology_of
from kiln.geometry.verdict import BURIED, judge

Hidden = Literal["off", "shells", "faces"]
Rebuild = Literal["auto", "off", "always"]

_MOST_MISSED = 0.5
"""Share of the surface that a rebuild may miss, because it is thinner than a voxel: beyond it the mesh is sheets rather than a solid."""

_OVERLAPS = 0.02
"""Share of a sound surface inside itself from which on that is worth a word: the budget and the atlas pay for what nobody sees."""

_UNSETTLING = frozenset(("hidden", "rebuild", "flat"))
"""Rungs after which the mesh is made sound once more; filling holes looks itself that it spoils nothing."""

_SEAM_WELD = 1e-5
"""Within this share of the diagonal a vertex lies on an edge, rather than near it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What counts as a defect, and how far repair may go; lengths are shares of the bounding box's diagonal, 0 leaves that rung out."""

    weld: float = 1e-5
    """Vertices on rims this near each other are welded."""

    cracks: float = 1e-3
    """Rims that run this near beside each other are zipped."""

    floaters: float = 0.01
    """Parts smaller than this are dropped."""

    holes: float = 1.0
    """Holes whose rim is no longer than this are filled."""

    hidden: Hidden = "shells"
    """Whether closed shells within others are dropped, or all faces that nothing outside sees."""

    rebuild: Rebuild = "auto"
    voxels: int = 224
    """Cells of a rebuild along the longest side."""

    seconds: float = math.inf
    """After this long rungs are given up but those that the result's soundness hangs on."""

    parts: int | None = None
    """A mesh in more pieces, once rims are joined, is refused."""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A mended mesh, what was found before and after, and what was done."""

    mesh: Mesh
    before: Topology
    after: Topology
    notes: tuple[str, ...]
    rungs: tuple[str, ...] = ()
    """Names of the rungs that changed something, in order."""


@dataclass(frozen=True, kw_only=True)
class _Rung:
    """One step: what it does to a mesh, adding to the notes, and whether the result must not go without it."""

    name: str
    climb: Callable[[Mesh, list[str]], Mesh]
    needed: bool = False


@dataclass
class _Climb:
    """A way up the ladder: the mesh as it is by now, and what was done."""

    mesh: Mesh
    notes: list[str] = field(default_factory=list)
    rungs: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def up(self, rung: _Rung, deadline: Deadline) -> None:
        """Climb a rung, unless it is too late, or gets too late on the way."""
        notes: list[str] = []
        try:
            if not rung.needed:
                deadline.keep_going()
            mended = rung.climb(self.mesh, notes)
        except OutOfTime:
            self.left_out.append(rung.name)
            return
        if mended is not self.mesh:
            self.rungs.append(rung.name)
        self.mesh = mended
        self.notes += notes


def repair(mesh: Mesh, limits: Limits | None = None) -> Repaired:
    """The mesh manifold, wound one way and outward, without degenerate or doubled triangles, and as whole as the limits ask for.

    A sound mesh is returned as it is. Else the ladder is climbed rung by rung: rims welded, T-junctions joined, cracks zipped, extra
    triangles dropped, crowded edges parted, winding made one and outward, hidden shells and specks dropped, holes filled; and where that
    leaves a ruin the surface is rebuilt from its winding numbers. Attributes and UV seams stay on every rung. ModelError is raised for a
    heap of loose pieces.
    """
    limits = limits or Limits()
    before = topology_of(mesh)
    if before.triangles == 0:
        return Repaired(mesh=mesh, before=before, after=before, notes=("no triangle has three different corners",))
    if before.is_sound and before.components == 1 and limits.rebuild != "always" and limits.hidden != "faces" and not orient(mesh)[1]:
        buried = buried_share(mesh) if limits.rebuild == "auto" else 0.0
        if buried <= BURIED:
            overlap = (f"{buried:.0%} of its surface lies inside itself",) if buried > _OVERLAPS else ()
            return Repaired(mesh=mesh, before=before, after=before, notes=(_left_alone(before), *overlap))
    way, deadline = _Climb(mesh), Deadline(limits.seconds)
    for rung in _ladder(limits, deadline.keep_going):
        way.up(rung, deadline)
    if not _UNSETTLING.isdisjoint(way.rungs):
        for rung in _sound():
            way.up(rung, deadline)
    if way.left_out:
        way.notes.append(f"out of time after {limits.seconds:g} s: left out {', '.join(way.left_out)}")
    if way.mesh is mesh:
        return Repaired(mesh=mesh, before=before, after=before, notes=tuple(way.notes) or (_left_alone(before),))
    return Repaired(mesh=way.mesh, before=before, after=topology_of(way.mesh), notes=tuple(way.notes), rungs=tuple(way.rungs))


def _ladder(limits: Limits, keep_going: KeepGoing) -> Iterator[_Rung]:
    """The rungs, cheapest and gentlest first."""
    yield _Rung(name="weld", climb=lambda mesh, notes: close_cracks(mesh, limits.weld, notes))
    yield _Rung(name="cracks", climb=lambda mesh, notes: zip_rims(mesh, limits.cracks, notes))
    yield _Rung(name="T-junctions", climb=lambda mesh, notes: join_t_junctions(mesh, min(limits.cracks, _SEAM_WELD), notes))
    yield _Rung(name="pieces", climb=lambda mesh, _: _of_few_pieces(mesh, limits.parts), needed=True)
    yield from _sound()
    yield _Rung(name="hidden", climb=lambda mesh, notes: _without_hidden(mesh, limits.hidden, notes, keep_going))
    yield _Rung(
        name="floaters", climb=lambda mesh, notes: _counted(drop_floaters(mesh, share=limits.floaters), "floating specks dropped", notes)
    )
    yield _Rung(name="holes", climb=lambda mesh, notes: _counted(fill_holes(mesh, longest=limits.holes), "holes filled", notes))
    yield _Rung(name="rebuild", climb=lambda mesh, notes: _rebuilt(mesh, limits, notes, keep_going))
    yield _Rung(name="flat", climb=collapse_flat, needed=True)


def _sound() -> Iterator[_Rung]:
    """The rungs that make a mesh manifold and wound one way; they cost little where there is nothing to do."""
    yield _Rung(name="extra", climb=drop_extra, needed=True)
    yield _Rung(name="manifold", climb=make_manifold, needed=True)
    yield _Rung(name="winding", climb=lambda mesh, notes: _counted(orient(mesh), "triangles turned outward", notes), needed=True)
    yield _Rung(name="one-sided", climb=cut_one_sided, needed=True)


def _left_alone(topology: Topology) -> str:
    """Why nothing was done."""
    rims = f"; {topology.open_edges:,} open edges are rims of sheets or of large holes" if topology.open_edges else ""
    return f"nothing to repair in {topology.components:,} part{'s' if topology.components > 1 else ''}{rims}"


def _counted(made: tuple[Mesh, int], words: str, notes: list[str]) -> Mesh:
    """The mesh, its count noted."""
    say(notes, made[1], words)
    return made[0]


def _of_few_pieces(mesh: Mesh, most: int | None) -> Mesh:
    """The mesh, unless it is a heap of loose pieces: then ModelError."""
    pieces = topology_of(mesh).components
    if most is not None and pieces > most:
        raise ModelError(f"repair: the mesh is {pieces:,} loose pieces, no surface: join its vertices, or make a mesh of it first")
    return mesh


def _without_hidden(mesh: Mesh, hidden: Hidden, notes: list[str], keep_going: KeepGoing) -> Mesh:
    """The mesh without what cannot be seen from outside."""
    if hidden == "off":
        return mesh
    if hidden == "shells":
        return _counted(drop_hidden_shells(mesh, keep_going=keep_going), "shells inside others dropped", notes)
    return _counted(drop_hidden_faces(mesh, keep_going=keep_going), "faces dropped that nothing outside sees", notes)


def _rebuilt(mesh: Mesh, limits: Limits, notes: list[str], keep_going: KeepGoing) -> Mesh:
    """The mesh with what is beyond mending rebuilt, and the rest as it is."""
    verdict = judge(mesh, always=limits.rebuild == "always") if limits.rebuild != "off" else None
    if verdict is None or not verdict.reason:
        return mesh
    broken, kept = mesh.take_triangles(verdict.broken), mesh.take_triangles(~verdict.broken)
    made = rebuild(broken, voxels=limits.voxels, keep_going=keep_going)
    keep_going()
    missed = missed_by(made, broken)
    if made.triangle_count == 0 or missed.share > _MOST_MISSED:
        notes.append(
            f"not rebuilt, though {verdict.reason}: {missed.share:.0%} of the surface is thinner than a voxel of {limits.voxels} a side"
        )
        return mesh
    for drop in (drop_hidden_shells, lambda solid: drop_floaters(solid, share=limits.floaters)):
        made, _ = drop(made)
    what = f"{broken.triangle_count:,} triangles rebuilt as {made.triangle_count:,} from winding numbers at {limits.voxels} voxels"
    thin = f"; {int(missed.pieces.sum()):,} thinner than a voxel kept" if missed.pieces.any() else ""
    notes.append(f"{what}{thin}: {verdict.reason}")
    for rest in (broken.take_triangles(missed.pieces), kept):
        made = join_meshes(made, rest) if rest.triangle_count else made
    return made
