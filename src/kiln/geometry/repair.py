"""A mesh with its defects mended, as far as that makes nothing worse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Bool, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.components import drop_floaters
from kiln.geometry.cracks import zip_cracks
from kiln.geometry.fill import fill_holes
from kiln.geometry.manifold import crowded_points, moved_apart, split_non_manifold
from kiln.geometry.orient import orient
from kiln.geometry.topology import (
    Topology,
    find_edges,
    has_repeated_corner,
    is_degenerate,
    is_duplicate,
    measure_topology,
    point_triangles,
    welded_points,
)
from kiln.geometry.weld import weld_classes
from kiln.kernels.weld import equal_rows

_MOSTLY = 0.5
"""Share of the open edges that zipping must close."""

_PINCHED = 0.01
"""Non-manifold edges that zipping may leave, for each edge that it closes; they are split next."""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A mended mesh, what was found before and after, and what was done."""

    mesh: Mesh
    before: Topology
    after: Topology
    notes: tuple[str, ...]


def repair(mesh: Mesh, *, weld_tolerance: float = 1e-5, cracks: float = 1e-3, floaters: float = 0.01, holes: float = 0.5) -> Repaired:
    """The mesh welded, manifold, wound outward, without degenerate or doubled triangles, specks and small holes; a sound one as it is.

    The numbers are shares of the bounding box's diagonal: vertices on rims are welded within the first, rims that run beside each other
    within the second are zipped, parts smaller than the third are dropped, holes whose rim is no longer than the fourth are filled; 0
    leaves that step out. Attributes and UV seams stay.
    """
    before = measure_topology(mesh)
    if before.is_sound and before.components == 1 and not _is_inverted(mesh):
        return Repaired(mesh=mesh, before=before, after=before, notes=(_left_alone(before),))
    notes: list[str] = []
    if before.triangles == 0:
        return Repaired(mesh=mesh, before=before, after=before, notes=("no triangle has three different corners",))
    mended = _closed_cracks(mesh, before, weld_tolerance, notes)
    mended = _zipped(mended, cracks, notes)
    mended = _without_extra(mended, notes)
    mended = _made_manifold(mended, notes)
    mended, turned = orient(mended)
    _say(notes, turned, "triangles turned outward")
    mended, dropped = drop_floaters(mended, share=floaters)
    _say(notes, dropped, "floating specks dropped")
    mended, filled = fill_holes(mended, longest=holes)
    _say(notes, filled, "holes filled")
    mended = _without_needles(mended, notes)
    if mended is mesh:
        return Repaired(mesh=mesh, before=before, after=before, notes=(_left_alone(before),))
    return Repaired(mesh=mended, before=before, after=measure_topology(mended), notes=tuple(notes))


def _left_alone(topology: Topology) -> str:
    """Why nothing was done."""
    rims = f"; {topology.open_edges:,} open edges are rims of sheets or of large holes" if topology.open_edges else ""
    return f"nothing to repair in {topology.components:,} part{'s' if topology.components > 1 else ''}{rims}"


def _say(notes: list[str], count: int, words: str) -> None:
    """Note a count, unless it is zero."""
    if count:
        notes.append(f"{count:,} {words}")


def _is_inverted(mesh: Mesh) -> bool:
    """Whether a closed mesh of one part has its inside out."""
    return orient(mesh)[1] > 0


def _closed_cracks(mesh: Mesh, before: Topology, tolerance: float, notes: list[str]) -> Mesh:
    """The mesh with vertices on open edges moved together where they are closer than the tolerance (a share of the diagonal).

    Eight grids, shifted by half a cell along each axis or not: in one of them at least no cell's border parts two points that are nearer
    than half a cell. (Two grids left 1 % of the cracks of a triangle soup open.)
    """
    if before.open_edges == 0 or tolerance <= 0:
        return mesh
    cell = 2 * tolerance * mesh.diagonal
    points, faces = welded_points(mesh)
    proper = faces[~has_repeated_corner(faces)]
    edges = find_edges(proper, point_count=len(points))
    rim = np.zeros(len(points), bool)
    rim[edges.starts[edges.twins < 0]] = rim[edges.stops[edges.twins < 0]] = True
    moved = points[rim]
    for shift in product((0.0, cell / 2), repeat=3):
        classes, count = weld_classes(moved + np.array(shift, np.float32), tolerance=cell)
        together = np.empty((count, 3), np.float32)
        together[classes[::-1]] = moved[::-1]
        moved = together[classes]
    points[rim] = moved
    classes, _ = weld_classes(mesh.positions)
    snapped = replace(mesh, positions=points[classes])
    after = measure_topology(snapped)
    if after.open_edges >= before.open_edges or after.non_manifold_edges > before.non_manifold_edges:
        return mesh
    _say(notes, before.open_edges - after.open_edges, f"open edges welded within {tolerance:g} of the size")
    return snapped


def _zipped(mesh: Mesh, tolerance: float, notes: list[str]) -> Mesh:
    """The mesh with rims joined that run beside each other, where those are most of its rims: other gaps are meant, or are holes."""
    before = measure_topology(mesh)
    if before.open_edges == 0 or tolerance <= 0:
        return mesh
    zipped = zip_cracks(mesh, tolerance=tolerance * mesh.diagonal)
    after = measure_topology(zipped)
    closed = before.open_edges - after.open_edges
    if closed < before.open_edges * _MOSTLY or after.non_manifold_edges > before.non_manifold_edges + _PINCHED * closed:
        return mesh
    _say(notes, closed, f"open edges zipped that ran within {tolerance:g} of the size of others")
    return zipped


def _without_extra(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh without triangles that have two corners at one point or repeat another."""
    faces, _ = point_triangles(mesh)
    repeated = has_repeated_corner(faces)
    doubled = is_duplicate(faces) & ~repeated
    _say(notes, int(repeated.sum()), "degenerate triangles dropped")
    _say(notes, int(doubled.sum()), "duplicate triangles dropped")
    extra = repeated | doubled
    return mesh.take_triangles(~extra) if extra.any() else mesh


def _made_manifold(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh with sheets that meet at edges of more than two triangles moved apart, and what cannot be parted dropped."""
    points, faces = welded_points(mesh)
    edges = find_edges(faces, point_count=len(points))
    if edges.non_manifold_count == 0:
        return mesh
    notes.append(f"{edges.non_manifold_count:,} non-manifold edges split")
    parted, origin = split_non_manifold(edges, points)
    extra = _third_wheels(parted, len(origin))
    places = moved_apart(points[origin], parted, crowded_points(edges)[origin])
    vertices, count = equal_rows(np.stack([mesh.triangles.reshape(-1).astype(np.int32), parted.reshape(-1)], axis=1))
    source, place = np.empty(count, np.int64), np.empty((count, 3), np.float32)
    source[vertices], place[vertices] = mesh.triangles.reshape(-1), places[parted.reshape(-1)]
    split = mesh.take_vertices(source, vertices.reshape(-1, 3).astype(np.uint32))
    split = replace(split, positions=place)
    return split.take_triangles(~extra) if extra.any() else split


def _third_wheels(faces: Int32[np.ndarray, "triangles 3"], point_count: int) -> Bool[np.ndarray, " triangles"]:
    """Triangles beyond the first two at each edge: sheets that could not be parted because they are joined elsewhere."""
    edges = find_edges(faces, point_count=point_count)
    extra = np.zeros(len(faces), bool)
    if edges.non_manifold_count:
        low, high = np.minimum(edges.starts, edges.stops)[edges.order], np.maximum(edges.starts, edges.stops)[edges.order]
        same = (low[2:] == low[:-2]) & (high[2:] == high[:-2])
        extra[edges.order[2:][same] // 3] = True
    return extra


def _without_needles(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh with triangles of (next to) no area collapsed; those that cannot be are dropped."""
    points, faces = welded_points(mesh)
    flat = is_degenerate(mesh, faces)
    if not flat.any():
        return mesh
    notes.append(f"{int(flat.sum()):,} triangles without area collapsed")
    collapsing = Collapsing(points.astype(np.float64), faces, wedges=mesh.triangles.astype(np.int32))
    collapsing.drop_needles()
    material_ids = None if mesh.material_ids is None else mesh.material_ids[collapsing.alive]
    whole = mesh.take_vertices(np.arange(mesh.vertex_count), collapsing.wedges.astype(np.uint32))
    left = replace(whole, material_ids=material_ids)
    faces, _ = point_triangles(left)
    flat = is_degenerate(left, faces)
    return left if flat.all() else left.take_triangles(~flat)
