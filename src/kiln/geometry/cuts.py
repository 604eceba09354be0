"""Cuts a mesh by planes into parts that are nearly convex: a decomposition of our own, beside CoACD's.

Like V-HACD (Mamou & Ghorbel 2009) it looks at planes along a few directions, but at the surface, not at voxels: a plane is good when the
hulls of both sides have little volume together, since the mesh's own volume does not change. So it needs neither a closed nor a manifold
mesh. What a cut separates (two legs, below the hip) becomes a part each without a further plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.clip import Soup, clip, fans, joined, pieces, soup_volume
from kiln.geometry.convex import Corners, hull_corners, hull_volume
from kiln.geometry.topology import find_edges, has_repeated_corner, welded_points

_PLACES = np.linspace(0, 1, 10)[1:-1]
"""Where planes are tried along a direction, as shares of the extent."""

_NEAR = 0.6 / 9
_MOST_NEAR = 7
"""The best plane is moved to the best of so many vertices within this share of it: what people build has its edges at vertices."""

_OWN = 0.98
"""Cosine up to which a principal axis is a direction of its own: nearer to a coordinate axis (11 degrees) that one is tried anyway."""

_HOLLOW = 0.05
"""Mouths wider than this share of the surface make a mesh a shell (a bowl, a sheet), which has no inside; narrower ones are cracks."""

_LEAST_EXCESS = 0.005
"""A part whose hull is fuller than itself by less than this share of the whole hull's volume is not cut."""

_MOST_PIECES = 16
"""A part of more pieces than this is a heap: planes part it, not its pieces."""

_BALANCE = 0.02
"""What a plane is charged for halves of different volume, of the difference: no single plane saves anything of a ring."""

_LENGTH = 0.002
"""What a plane is charged for the cube of the size of its cut: without it a ring was cut flat, like a bagel, which never opens it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Part:
    """A piece of the surface, closed where planes cut it."""

    soup: Soup
    hollow: bool

    @cached_property
    def mesh(self) -> tuple[Float64[np.ndarray, "points 3"], Int64[np.ndarray, "edges 2"]]:
        """Its points, and the pairs of them that edges join."""
        triangles, count = joined(self.soup)
        points = np.empty((count, 3))
        points[triangles.reshape(-1)] = self.soup.reshape(-1, 3)
        ends = np.sort(np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)]).astype(np.int64), axis=1)
        return points, np.column_stack(np.divmod(np.unique(ends[:, 0] * count + ends[:, 1]), count))

    @cached_property
    def corners(self) -> Corners:
        """The corners of its hull."""
        return hull_corners(self.mesh[0])

    @cached_property
    def excess(self) -> float:
        """What its hull holds beyond itself, cubic metres."""
        full = hull_volume(self.corners)
        return full if self.hollow else full - min(max(soup_volume(self.soup), 0.0), full)

    def split(self) -> tuple[_Part, ...]:
        """Its connected pieces; of one piece those of the halves on both sides of the best plane."""
        found = _few_pieces(self.soup)
        if len(found) == 1:
            found = [piece for half in clip(self.soup, *_best_plane(self)) if len(half) for piece in _few_pieces(half)]
        return tuple(_Part(soup=soup, hollow=self.hollow) for soup in found)


def cut_apart(mesh: Mesh, *, cuts: int, go_on: Callable[[], bool]) -> list[Corners]:
    """The corners of the hulls of the nearly convex parts that this many cuts make, metres: one more than cuts, or more where limbs part.

    The part whose hull is fullest beyond itself is cut next, until that is next to nothing, or `go_on()` is false.
    """
    whole = _Part(soup=mesh.positions.astype(np.float64)[mesh.triangles], hollow=is_hollow(mesh))
    parts, least = [whole], _LEAST_EXCESS * hull_volume(whole.corners)
    for _ in range(cuts):
        if len(parts) > 2 * cuts or not go_on():
            break
        worst = max(range(len(parts)), key=lambda number: parts[number].excess)
        if parts[worst].excess <= least:
            break
        parts[worst : worst + 1] = parts[worst].split()
    return [part.corners for part in parts]


def is_hollow(mesh: Mesh) -> bool:
    """Whether the mesh's open edges leave mouths so wide that it is a shell."""
    points, triangles = welded_points(mesh)
    edges = find_edges(triangles[~has_repeated_corner(triangles)], point_count=len(points))
    rim = points.astype(np.float64)[np.column_stack([edges.starts, edges.stops])[edges.twins == -1]]
    return _area(fans(rim)) > _HOLLOW * float(triangle_areas(mesh).sum())


def _area(soup: Soup) -> float:
    return float(np.linalg.norm(np.cross(soup[:, 1] - soup[:, 0], soup[:, 2] - soup[:, 0]), axis=1).sum()) / 2


def _few_pieces(soup: Soup) -> list[Soup]:
    found = pieces(soup)
    return found if len(found) <= _MOST_PIECES else [soup]


def _best_plane(part: _Part) -> tuple[Float64[np.ndarray, " 3"], float]:
    """The plane (normal, offset along it) that costs least of all that are tried."""
    tried = [(_cost(part, normal, place), normal, place) for normal in _directions(part) for place in _PLACES]
    first = min(tried, key=lambda found: found[0])
    nearby = [(_cost(part, first[1], place), first[1], place) for place in _vertices_near(part, first[1], first[2])]
    _, normal, place = min([first, *nearby], key=lambda found: found[0])
    return normal, _offset(part, normal, place)


def _vertices_near(part: _Part, normal: Float64[np.ndarray, " 3"], place: float) -> list[float]:
    """Places of some vertices near a place."""
    heights = part.mesh[0] @ normal
    low, high = _offset(part, normal, 0.0), _offset(part, normal, 1.0)
    places = np.sort((heights - low) / max(high - low, 1e-300))
    places = places[np.diff(places, prepend=-1.0) > 1e-6]
    near = places[(np.abs(places - place) < _NEAR) & (places > 0.01) & (places < 0.99)]
    return near[np.unique(np.linspace(0, len(near) - 1, _MOST_NEAR).astype(int))].tolist() if len(near) else []


def _directions(part: _Part) -> list[Float64[np.ndarray, " 3"]]:
    """The axes, and the part's principal ones."""
    offsets = part.corners - part.corners.mean(axis=0)
    found = [*np.eye(3)]
    found += [axis for axis in np.linalg.eigh(offsets.T @ offsets)[1].T if np.abs(axis).max() < _OWN]
    return found


def _offset(part: _Part, normal: Float64[np.ndarray, " 3"], place: float) -> float:
    heights = part.corners @ normal
    return float(heights.min() + place * (heights.max() - heights.min()))


def _cost(part: _Part, normal: Float64[np.ndarray, " 3"], place: float) -> float:
    """Volume of the hulls on both sides of a plane, a little for their difference, and a little for a long cut; cubic metres."""
    points, edges = part.mesh
    heights = points @ normal - _offset(part, normal, place)
    start, stop = edges[(heights[edges] > 0).sum(axis=1) == 1].T
    share = heights[start] / (heights[start] - heights[stop])
    rim = points[start] + share[:, None] * (points[stop] - points[start])
    below, above = (hull_volume(np.concatenate([points[side], rim])) for side in (heights <= 0, heights > 0))
    long = float(np.linalg.norm(np.ptp(rim, axis=0))) if len(rim) else 0.0  # between loose pieces there is nothing to cut
    return below + above + _BALANCE * abs(below - above) + _LENGTH * long**3
