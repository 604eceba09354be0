"""How a mesh hangs together: edges, components and defects, judged on vertices welded by position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import triangle_areas
from kiln.geometry.per_mesh import once_per_mesh
from kiln.geometry.weld import weld_classes
from kiln.kernels.topology import join_pairs, number_sets, pair_half_edges, sort_corners, sort_half_edges
from kiln.kernels.weld import equal_rows, first_of_classes

DEGENERATE_AREA = 1e-12
"""A triangle with less than this share of the squared diagonal as area has no normal worth the name: float32 positions are exact to
about 1e-7 of the diagonal, and the longest edges of a game mesh reach a tenth of it."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Numbers about a mesh's connectivity. Triangles with two corners at one point count as degenerate and nowhere else."""

    triangles: int
    points: int
    """Distinct positions that triangles use."""

    edges: int
    open_edges: int
    """Edges of one triangle."""

    non_manifold_edges: int
    """Edges of more than two triangles."""

    inconsistent_edges: int
    """Edges whose two triangles run the same way, so that one of them shows its back."""

    degenerate_triangles: int
    duplicate_triangles: int
    """Triangles over the same three points as an earlier one, whichever way they wind."""

    components: int
    """Sets of triangles that share no point."""

    @property
    def euler(self) -> int:
        """Euler characteristic: 2 for a closed sphere-like surface, 0 for a torus."""
        return self.points - self.edges + self.triangles

    @property
    def is_closed(self) -> bool:
        """Whether no edge is open."""
        return self.open_edges == 0

    @property
    def is_manifold(self) -> bool:
        """Whether no edge has more than two triangles."""
        return self.non_manifold_edges == 0

    @property
    def is_sound(self) -> bool:
        """Closed, manifold, consistently wound, nothing degenerate or doubled."""
        defects = self.open_edges + self.non_manifold_edges + self.inconsistent_edges
        return defects + self.degenerate_triangles + self.duplicate_triangles == 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Edges:
    """The half-edges of triangles over points; half-edge 3 t + k runs from corner k of triangle t to its next corner."""

    triangles: Int32[np.ndarray, "triangles 3"]
    point_count: int
    twins: Int32[np.ndarray, " half_edges"]
    """The half-edge across an edge of two triangles; -1 where the edge is open, -2 where it has more than two triangles."""

    order: Int32[np.ndarray, " half_edges"]
    """Half-edges sorted by edge."""

    edge_count: int
    open_count: int
    non_manifold_count: int
    inconsistent_count: int

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @cached_property
    def starts(self) -> Int32[np.ndarray, " half_edges"]:
        """The point each half-edge leaves."""
        return self.triangles.reshape(-1)

    @cached_property
    def stops(self) -> Int32[np.ndarray, " half_edges"]:
        """The point each half-edge reaches."""
        return np.roll(self.triangles, -1, axis=1).reshape(-1)


def find_edges(triangles: Int32[np.ndarray, "triangles 3"], *, point_count: int) -> Edges:
    """The half-edges of triangles that have three different points each."""
    half_edges, faces = triangles.size, triangles.view()
    faces.flags.writeable = False  # one kind of array only, or kernels are compiled twice
    order, scratch, twins = (np.empty(half_edges, np.int32) for _ in range(3))
    sort_half_edges(faces, np.empty(point_count + 1, np.int64), order, scratch)
    counts = np.empty(4, np.int64)
    pair_half_edges(faces, order, twins, counts)
    edges, open_edges, non_manifold, inconsistent = (int(count) for count in counts)
    return Edges(
        triangles=triangles,
        point_count=point_count,
        twins=twins,
        order=order,
        edge_count=edges,
        open_count=open_edges,
        non_manifold_count=non_manifold,
        inconsistent_count=inconsistent,
    )


def point_triangles(mesh: Mesh, *, tolerance: float = 0.0) -> tuple[Int32[np.ndarray, "triangles 3"], int]:
    """The mesh's triangles over welded points instead of vertices, and the number of points."""
    classes, count = weld_classes(mesh.positions, tolerance=tolerance)
    return classes.astype(np.int32)[mesh.triangles], count


def welded_points(mesh: Mesh) -> tuple[Float32[np.ndarray, "points 3"], Int32[np.ndarray, "triangles 3"]]:
    """The points that the mesh's vertices lie on, and its triangles over them."""
    classes, count = weld_classes(mesh.positions)
    points = np.empty((count, 3), np.float32)
    points[classes] = mesh.positions
    return points, classes.astype(np.int32)[mesh.triangles]


def next_corners(half_edges: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    """The corner that each half-edge reaches: the next one of its triangle."""
    return (half_edges - half_edges % 3 + (half_edges + 1) % 3).astype(np.int32)


def has_repeated_corner(triangles: Int32[np.ndarray, "triangles 3"]) -> Bool[np.ndarray, " triangles"]:
    """Which triangles name one point twice."""
    a, b, c = triangles.T
    return (a == b) | (b == c) | (c == a)


def is_degenerate(mesh: Mesh, triangles: Int32[np.ndarray, "triangles 3"]) -> Bool[np.ndarray, " triangles"]:
    """Which triangles have two corners at one point, or (next to) no area; triangles are the mesh's, over welded points."""
    return has_repeated_corner(triangles) | (triangle_areas(mesh) <= DEGENERATE_AREA * mesh.diagonal**2)


def is_duplicate(triangles: Int32[np.ndarray, "triangles 3"]) -> Bool[np.ndarray, " triangles"]:
    """Which triangles have the same three points as an earlier one."""
    rows = np.empty_like(triangles)
    sort_corners(triangles, rows)
    classes, count = equal_rows(rows)
    if count == len(triangles):
        return np.zeros(len(triangles), bool)
    return first_of_classes(classes, count)[classes] != np.arange(len(triangles))


def label_components(triangles: Int32[np.ndarray, "triangles 3"], *, point_count: int) -> tuple[Int32[np.ndarray, " triangles"], int]:
    """The component each triangle belongs to and how many there are; triangles that share a point are in one component."""
    parents = np.arange(point_count, dtype=np.int32)
    first, *others = np.ascontiguousarray(triangles.T)
    for other in others:
        join_pairs(parents, first, other)
    labels = np.empty(point_count, np.int32)
    number_sets(parents, labels)
    used = np.zeros(point_count, bool)
    used[labels[triangles[:, 0]]] = True
    renumbered = np.cumsum(used, dtype=np.int32) - 1
    return renumbered[labels[triangles[:, 0]]], int(used.sum())


def measure_topology(mesh: Mesh, *, tolerance: float = 0.0) -> Topology:
    """Count the mesh's edges, components and defects, on vertices welded within the tolerance (metres). 500k triangles take 0.13 s."""
    triangles, point_count = point_triangles(mesh, tolerance=tolerance)
    repeated = has_repeated_corner(triangles)
    degenerate = int(is_degenerate(mesh, triangles).sum())
    proper = triangles[~repeated] if repeated.any() else triangles
    edges = find_edges(proper, point_count=point_count)
    used = np.zeros(point_count, bool)
    used[proper.reshape(-1)] = True
    return Topology(
        triangles=len(proper),
        points=int(used.sum()),
        edges=edges.edge_count,
        open_edges=edges.open_count,
        non_manifold_edges=edges.non_manifold_count,
        inconsistent_edges=edges.inconsistent_count,
        degenerate_triangles=degenerate,
        duplicate_triangles=int(is_duplicate(proper).sum()),
        components=label_components(proper, point_count=point_count)[1],
    )


topology_of = once_per_mesh(measure_topology)
"""`measure_topology` of a mesh, counted once: each rung of repair asks for the numbers that the one before it ended with."""
