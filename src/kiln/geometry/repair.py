"""A mesh with its defects mended, as far as that makes nothing worse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.components import drop_floaters
from kiln.geometry.fill import fill_holes
from kiln.geometry.manifold import split_non_manifold
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
from kiln.geometry.weld import equal_rows, weld_classes
from kiln.kernels.topology import NON_MANIFOLD

APART = 1e-5
"""How far sheets that touched along an edge are moved apart, as a share of the diagonal: a hundred times float32's rounding, and far less
than a texel."""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A mended mesh, what was found before and after, and what was done."""

    mesh: Mesh
    before: Topology
    after: Topology
    notes: tuple[str, ...]


def repair(mesh: Mesh, *, weld_tolerance: float = 1e-5, floaters: float = 0.01, holes: float = 0.5) -> Repaired:
    """The mesh welded, manifold, wound outward, without degenerate or doubled triangles, specks and small holes; a sound one as it is.

    weld_tolerance, floaters and holes are shares of the bounding box's diagonal: cracks up to the first are closed, parts smaller than
    the second are dropped, holes whose rim is no longer than the third are filled; 0 leaves that step out. Attributes and UV seams stay.
    """
    before = measure_topology(mesh)
    if before.is_sound and before.components == 1 and not _is_inverted(mesh):
        return Repaired(mesh=mesh, before=before, after=before, notes=("nothing to repair",))
    notes: list[str] = []
    mended = _closed_cracks(mesh, before, weld_tolerance, notes)
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
        return Repaired(mesh=mesh, before=before, after=before, notes=(f"nothing to repair in {before.components:,} parts",))
    return Repaired(mesh=mended, before=before, after=measure_topology(mended), notes=tuple(notes))


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
    crowded = np.zeros(len(points), bool)
    crowded[edges.starts[edges.twins == NON_MANIFOLD]] = crowded[edges.stops[edges.twins == NON_MANIFOLD]] = True
    places = _apart(points[origin], parted, crowded[origin], APART * mesh.diagonal)
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


def _apart(
    positions: Float32[np.ndarray, "points 3"], faces: Int32[np.ndarray, "triangles 3"], move: Bool[np.ndarray, " points"], step: float
) -> Float32[np.ndarray, "points 3"]:
    """Positions with the points to move brought a step nearer to the middle of the triangles around them."""
    exact = positions.astype(np.float64)
    middles = exact[faces].mean(axis=1)
    corners = faces.reshape(-1)
    counts = np.maximum(np.bincount(corners, minlength=len(exact)), 1)
    towards = [np.bincount(corners, np.repeat(middles[:, axis], 3), minlength=len(exact)) / counts for axis in range(3)]
    way = np.stack(towards, axis=1) - exact
    length = np.linalg.norm(way, axis=1, keepdims=True)
    shift = way / np.maximum(length, 1e-300) * np.minimum(step, length / 4)
    return np.where(move[:, None], exact + shift, exact).astype(np.float32)


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
    return left.take_triangles(~is_degenerate(left, faces))
