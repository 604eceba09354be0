"""A mesh cut off at a wall: what lies before it stays, with vertices that stand on the wall exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.between import with_vertices_between
from kiln.geometry.topology import find_edges, has_repeated_corner
from kiln.kernels.weld import equal_rows, first_of_classes

SNAP = 0.25
"""A vertex is moved onto the wall when one of its edges meets the wall within this share of the edge's length: cutting there would leave
a sliver."""

_UNSNAP_ROUNDS = 8
"""Of taking vertices back from the wall where the surface would touch it without crossing."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Placed:
    """A mesh and where its vertices are in a frame of their own, exactly: it, and not `mesh.positions`, says what lies on a wall."""

    mesh: Mesh

    places: Float64[np.ndarray, "vertices 3"]
    """The frame's coordinates; the first ones are distances before walls."""

    owners: Int64[np.ndarray, " triangles"]
    """Which triangle of the mesh that was first cut each one is, or is a piece of."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def cut_off(placed: Placed, *, wall: int, other: int | None = None, lean: float = 0.0, snap: float = SNAP) -> Placed:
    """What lies before the wall, where the coordinate of this number is above 0; no triangle lies in the wall.

    Vertices near the wall are moved straight onto it first, which changes their distance before the other wall (if there is one) by `lean`,
    the cosine between the walls' directions, times as much; those on the other wall stay on it and go to where the walls meet. (Moving
    them along the other wall instead drew spikes out of a lantern's rims.) Vertices at one place move together, and both sides of a UV
    seam are cut at the same place.
    """
    point, count = equal_rows(placed.places)
    first = first_of_classes(point, count)
    height, beside = placed.places[first, wall], np.zeros(count) if other is None else placed.places[first, other]
    faces = point[placed.mesh.triangles].astype(np.int32)
    within = (beside == 0) | (np.sign(beside - lean * height) == np.sign(beside))
    moved = _snapped(height, faces, snap, may=within)
    places = placed.places.copy()
    places[:, wall] = moved[point]
    if other is not None:
        places[:, other] = _pushed(beside, lean * (moved - height))[point]
    return _cut(replace(placed, places=places), point, wall)


def _pushed(beside: Float64[np.ndarray, " points"], by: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
    """Distances before the other wall, changed; points on it stay, and none gets to its other side."""
    after = beside + by
    return np.where(np.sign(after) == np.sign(beside), after, beside)


def _snapped(
    height: Float64[np.ndarray, " points"], faces: Int32[np.ndarray, "triangles 3"], snap: float, *, may: Bool[np.ndarray, " points"]
) -> Float64[np.ndarray, " points"]:
    """Heights with those of points near the wall (that may) set to 0, except where the surface would only touch the wall there."""
    start, stop = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    crossing = np.flatnonzero(height[start] * height[stop] < 0)
    a, b = np.concatenate([start[crossing], stop[crossing]]), np.concatenate([stop[crossing], start[crossing]])
    near = np.zeros(len(height), bool)
    near[a[np.abs(height[a]) <= snap * np.abs(height[a] - height[b])]] = True
    snapped = np.where(near & may, 0.0, height)
    least = 1e-6 * float(np.abs(height).max(initial=0.0))
    for _ in range(_UNSNAP_ROUNDS):
        touching = _touching(snapped, faces)
        if not touching.any():
            break
        # Before the wall again: their other triangles are then cut close by, which costs a few slivers but closes.
        snapped[touching] = np.maximum(np.abs(height[touching]), least)
    return snapped


def _touching(height: Float64[np.ndarray, " points"], faces: Int32[np.ndarray, "triangles 3"]) -> Bool[np.ndarray, " points"]:
    """Which points are on an edge in the wall with triangles before the wall on both sides: mirrored, that edge would have four."""
    sides = np.sign(height[faces])
    kept = faces[(sides >= 0).all(axis=1) & (sides > 0).any(axis=1) & ((sides == 0).sum(axis=1) == 2) & ~has_repeated_corner(faces)]
    edges = find_edges(kept, point_count=len(height))
    inner = (edges.twins != -1) & (height[edges.starts] == 0) & (height[edges.stops] == 0)
    touching = np.zeros(len(height), bool)
    touching[edges.starts[inner]] = touching[edges.stops[inner]] = True
    return touching


def _cut(placed: Placed, point: Int64[np.ndarray, " vertices"], wall: int) -> Placed:
    """What lies before the wall; triangles through it are cut."""
    triangles = placed.mesh.triangles.astype(np.int64)
    height = placed.places[:, wall]
    sides = np.sign(height[triangles])
    before = (sides > 0).any(axis=1)
    whole = before & (sides >= 0).all(axis=1)
    through = np.flatnonzero(before & ~whole)
    first, second, middles = _crossings(triangles[through], height, point)
    share = height[first] / (height[first] - height[second])
    split = with_vertices_between(placed.mesh, first, second, share)
    new = placed.places[first] + share[:, None] * (placed.places[second] - placed.places[first])
    new[:, wall] = 0.0
    places = np.concatenate([placed.places, new])
    rows, left = _pieces(triangles[through], height, middles, places)
    owner = np.concatenate([np.flatnonzero(whole), through[rows]])
    made, kept, order = _compact(split, places, np.concatenate([triangles[whole], left]), owner)
    return Placed(mesh=made, places=kept, owners=placed.owners[order])


def _crossings(
    triangles: Int64[np.ndarray, "n 3"], height: Float64[np.ndarray, " vertices"], point: Int64[np.ndarray, " vertices"]
) -> tuple[Int64[np.ndarray, " crossings"], Int64[np.ndarray, " crossings"], Int64[np.ndarray, "n 3"]]:
    """The ends of each edge that crosses the wall, and for each triangle's edges the number of the vertex there: -1 where it does not.

    Ends are ordered by point, not by vertex, so that both sides of a UV seam find the same place to the last bit.
    """
    start, stop = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    crossing = np.flatnonzero(height[start] * height[stop] < 0)
    swapped = point[start[crossing]] > point[stop[crossing]]
    low, high = np.where(swapped, stop[crossing], start[crossing]), np.where(swapped, start[crossing], stop[crossing])
    classes, count = equal_rows(np.stack([low, high], axis=1))
    firsts = first_of_classes(classes, count)
    middles = np.full(triangles.size, -1)
    middles[crossing] = len(height) + classes
    return low[firsts], high[firsts], middles.reshape(-1, 3)


def _pieces(
    triangles: Int64[np.ndarray, "n 3"],
    height: Float64[np.ndarray, " vertices"],
    middles: Int64[np.ndarray, "n 3"],
    places: Float64[np.ndarray, "more 3"],
) -> tuple[Int64[np.ndarray, " pieces"], Int64[np.ndarray, "pieces 3"]]:
    """What of each triangle lies before the wall, a triangle or two along the shorter diagonal; and which triangle it was."""
    slots = np.stack([np.where(height[triangles] >= 0, triangles, -1), middles], axis=2).reshape(-1, 6)
    rim = np.take_along_axis(slots, np.argsort(slots < 0, axis=1, kind="stable"), axis=1)[:, :4]
    four = np.flatnonzero(rim[:, 3] >= 0)
    corners = places[rim[four]]
    one, other = (np.linalg.norm(corners[:, k] - corners[:, k + 2], axis=1) for k in (0, 1))
    rim[four] = np.where((other < one)[:, None], np.roll(rim[four], -1, axis=1), rim[four])
    rows = np.concatenate([np.arange(len(rim)), four])
    return rows, np.concatenate([rim[:, :3], rim[four][:, [0, 2, 3]]])


def _compact(
    mesh: Mesh, places: Float64[np.ndarray, "vertices 3"], triangles: Int64[np.ndarray, "left 3"], owner: Int64[np.ndarray, " left"]
) -> tuple[Mesh, Float64[np.ndarray, "used 3"], Int64[np.ndarray, " left"]]:
    """The mesh of these triangles, in the order of those they were, without vertices that none uses; its places; and those triangles."""
    order = np.argsort(owner, kind="stable")
    used = np.zeros(mesh.vertex_count, bool)
    used[triangles.reshape(-1)] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    material_ids = None if mesh.material_ids is None else mesh.material_ids[owner[order]]
    left = mesh.take_vertices(np.flatnonzero(used), renumbered[triangles[order]])
    return replace(left, material_ids=material_ids), places[used], owner[order]
