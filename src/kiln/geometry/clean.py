"""The cheap rungs of repair: each takes a mesh, notes what it did, and gives the mesh back as it was where that would make it worse."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from jaxtyping import Bool, Int32

from kiln.asset import Mesh
from kiln.geometry.collapse import Collapsing
from kiln.geometry.cracks import zip_cracks
from kiln.geometry.manifold import crowded_points, moved_apart, split_inconsistent, split_non_manifold
from kiln.geometry.topology import (
    find_edges,
    has_repeated_corner,
    is_degenerate,
    is_duplicate,
    point_triangles,
    topology_of,
    welded_points,
)
from kiln.geometry.weld import weld_classes
from kiln.kernels.weld import equal_rows

_MOSTLY = 0.5
"""Share of the open edges that zipping must close."""

_PINCHED = 0.01
"""Non-manifold edges that zipping may leave, for each edge that it closes; they are split next."""


def say(notes: list[str], count: int, words: str) -> None:
    """Note a count, unless it is zero."""
    if count:
        notes.append(f"{count:,} {words}")


def close_cracks(mesh: Mesh, tolerance: float, notes: list[str]) -> Mesh:
    """The mesh with vertices on open edges moved together where they are closer than the tolerance (a share of the diagonal).

    Eight grids, shifted by half a cell along each axis or not: in one of them at least no cell's border parts two points that are nearer
    than half a cell. (Two grids left 1 % of the cracks of a triangle soup open.)
    """
    before = topology_of(mesh)
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
    after = topology_of(snapped)
    if after.open_edges >= before.open_edges or after.non_manifold_edges > before.non_manifold_edges:
        return mesh
    say(notes, before.open_edges - after.open_edges, f"open edges welded within {tolerance:g} of the size")
    return snapped


def join_t_junctions(mesh: Mesh, tolerance: float, notes: list[str]) -> Mesh:
    """The mesh with vertices that lie on another triangle's open edge inserted into it, within the tolerance (a share of the diagonal)."""
    before = topology_of(mesh)
    if before.open_edges == 0 or tolerance <= 0:
        return mesh
    joined = zip_cracks(mesh, tolerance=tolerance * mesh.diagonal)
    after = topology_of(joined)
    if after.open_edges >= before.open_edges or after.non_manifold_edges > before.non_manifold_edges:
        return mesh
    say(notes, before.open_edges - after.open_edges, "open edges closed at T-junctions")
    return joined


def zip_rims(mesh: Mesh, tolerance: float, notes: list[str]) -> Mesh:
    """The mesh with rims joined that run beside each other, where those are most of its rims: other gaps are meant, or are holes."""
    before = topology_of(mesh)
    if before.open_edges == 0 or tolerance <= 0:
        return mesh
    zipped = zip_cracks(mesh, tolerance=tolerance * mesh.diagonal)
    after = topology_of(zipped)
    closed = before.open_edges - after.open_edges
    if closed < before.open_edges * _MOSTLY or after.non_manifold_edges > before.non_manifold_edges + _PINCHED * closed:
        return mesh
    say(notes, closed, f"open edges zipped that ran within {tolerance:g} of the size of others")
    return zipped


def drop_extra(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh without triangles that have two corners at one point or repeat another."""
    faces, _ = point_triangles(mesh)
    repeated = has_repeated_corner(faces)
    doubled = is_duplicate(faces) & ~repeated
    say(notes, int(repeated.sum()), "degenerate triangles dropped")
    say(notes, int(doubled.sum()), "duplicate triangles dropped")
    extra = repeated | doubled
    return mesh.take_triangles(~extra) if extra.any() else mesh


def make_manifold(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh with sheets that meet at edges of more than two triangles moved apart, and what cannot be parted dropped.

    Open edges may become more: at an edge of three triangles one ends there, as a fin does.
    """
    points, faces = welded_points(mesh)
    edges = find_edges(faces, point_count=len(points))
    if edges.non_manifold_count == 0:
        return mesh
    notes.append(f"{edges.non_manifold_count:,} non-manifold edges split")
    return _without_third_wheels(_parted(mesh, *split_non_manifold(edges, points), crowded_points(edges)))


def cut_one_sided(mesh: Mesh, notes: list[str]) -> Mesh:
    """The mesh cut open along edges where no winding agrees: a Möbius strip or a Klein bottle becomes a band or a tube."""
    points, faces = welded_points(mesh)
    edges = find_edges(faces, point_count=len(points))
    if edges.inconsistent_count == 0:
        return mesh
    notes.append(f"cut open along {edges.inconsistent_count:,} edges, because the surface has one side only")
    twisted = np.zeros(len(points), bool)
    facing = (edges.twins >= 0) & (edges.starts == edges.starts[edges.twins])
    twisted[edges.starts[facing]] = twisted[edges.stops[facing]] = True
    return _parted(mesh, *split_inconsistent(edges), twisted)


def _parted(
    mesh: Mesh, faces: Int32[np.ndarray, "triangles 3"], origin: Int32[np.ndarray, " split"], move: Bool[np.ndarray, " points"]
) -> Mesh:
    """The mesh over split points: those that come of points to move are brought a tiny step apart."""
    points, _ = welded_points(mesh)
    places = moved_apart(points[origin], faces, move[origin])
    vertices, count = equal_rows(np.stack([mesh.triangles.reshape(-1).astype(np.int32), faces.reshape(-1)], axis=1))
    source, place = np.empty(count, np.int64), np.empty((count, 3), np.float32)
    source[vertices], place[vertices] = mesh.triangles.reshape(-1), places[faces.reshape(-1)]
    return replace(mesh.take_vertices(source, vertices.reshape(-1, 3).astype(np.uint32)), positions=place)


def _without_third_wheels(mesh: Mesh) -> Mesh:
    """The mesh without triangles beyond the first two at each edge: sheets that could not be parted because they are joined elsewhere."""
    faces, point_count = point_triangles(mesh)
    proper = ~has_repeated_corner(faces)
    edges = find_edges(faces[proper], point_count=point_count)
    if not edges.non_manifold_count:
        return mesh
    low, high = np.minimum(edges.starts, edges.stops)[edges.order], np.maximum(edges.starts, edges.stops)[edges.order]
    same = (low[2:] == low[:-2]) & (high[2:] == high[:-2])
    extra = np.zeros(len(faces), bool)
    extra[np.flatnonzero(proper)[edges.order[2:][same] // 3]] = True
    return mesh.take_triangles(~extra)


def collapse_flat(mesh: Mesh, notes: list[str]) -> Mesh:
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
