"""Where on a dense source each texel of a game mesh looks: the one trace that every baked map is read from.

Thin sheets: a texel sees only source surfaces that face its way, so of a wall's two sides each texel takes its own, however thin the wall
is. Where a source has one layer for both sides (an open, double-sided sheet), the game mesh's texels on its back find nothing that faces
them and are filled from their neighbours in the atlas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt8, UInt16

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import triangle_areas, uv_areas
from kiln.geometry.cage import island_reach
from kiln.geometry.normals import shaded, smooth_normals
from kiln.geometry.rasterize import rasterize_uvs, rasterize_within
from kiln.geometry.trace import Hits, Scene, scene_of
from kiln.geometry.vectors import unit_vectors
from kiln.kernels import in_threads, map_in_threads
from kiln.kernels.bake import encode_normals, interpolate_rows, nearest_facing

_SLAB = 1 << 18
"""Texels traced at a time: all of 2048 x 2048 at once would hold 300 MB of rays."""

_COINCIDENT = 1e-5
"""Rays start this share of the mesh's diagonal behind their texel, so that a source surface that runs through the texel itself is met."""

_USUAL = 0.25
"""Share of an island's reach within which nearly all of its texels find their source (see cage)."""

_AROUND = np.array([d for d in np.ndindex(3, 3, 3) if sum(k != 1 for k in d) in (1, 3)], np.float32) - np.float32(1)
"""From a cube's centre to its faces and corners: 14 ways to look for a surface that does not lie along the normal."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfacePoints:
    """Points on a mesh's triangles."""

    triangle: Int32[np.ndarray, " points"]
    bary: Float32[np.ndarray, "points 2"]
    """Weights of the triangle's second and third corner."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def __len__(self) -> int:
        return len(self.triangle)

    def __getitem__(self, rows: slice | np.ndarray) -> SurfacePoints:
        return SurfacePoints(triangle=self.triangle[rows], bary=self.bary[rows])

    def take(self, mesh: Mesh, attribute: Float32[np.ndarray, "vertices channels"]) -> Float32[np.ndarray, "points channels"]:
        """A vertex attribute of the mesh at each point, linear over the triangle."""
        out = np.empty((len(self), attribute.shape[1]), np.float32)
        rows = np.ascontiguousarray(attribute).view()
        rows.flags.writeable = False  # one kind of array only, or the kernel is compiled twice
        in_threads(lambda a, b: interpolate_rows(rows, mesh.triangles, self.triangle, self.bary, out, a, b), len(self), at_least=50_000)
        return out


class Target:
    """A dense source made ready to be looked at: rays and vertex normals, shared with all who look at the same mesh value."""

    def __init__(self, source: Mesh, *, ready: Mesh | None = None) -> None:
        """`ready` is the source with normals (and whatever else its maker added), its triangles and their corners in the same order."""
        self.mesh = shaded(source) if ready is None else ready
        if self.mesh.normals is None:
            raise ValueError("Target: the mesh that was made ready has no normals")
        self.normals: Float32[np.ndarray, "vertices 3"] = self.mesh.normals
        self.scene: Scene = scene_of(source)


@dataclass(frozen=True, eq=False, kw_only=True)
class TexelHits:
    """Texels that islands cover and that found their place on the source."""

    size: int
    """Texels on a side of the map."""

    texel: Int64[np.ndarray, " texels"]
    """row * size + column, rising."""

    low: SurfacePoints
    """On the game mesh."""

    source: SurfacePoints
    """On the source."""

    lost: Int64[np.ndarray, " lost"]
    """Covered texels whose two rays along the normal met no source surface that faces their way: of those in `texel` those that took the
    nearest surface around them, and all that are left out of it."""

    left_out: Int64[np.ndarray, " left_out"]
    """Covered texels that found nothing at all."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def __getitem__(self, rows: slice | np.ndarray) -> TexelHits:
        """Some of the texels; what was lost or left out stays."""
        return replace(self, texel=self.texel[rows], low=self.low[rows], source=self.source[rows])

    @property
    def covered(self) -> int:
        """Texels that islands cover."""
        return len(self.texel) + len(self.left_out)


class TexelTracer:
    """Looks from texels of a mesh's size x size atlas to a source, along the smooth normal.

    The outermost surface within the usual distance counts; where there is none, the nearest out- or inwards within the island's reach.
    Surfaces that face away are not seen: a thin part's texels must not catch its other side. Texels that see nothing look about in 14
    directions; those that still find nothing are left out. ValueError when the mesh has no UVs.
    """

    def __init__(self, mesh: Mesh, target: Target, *, size: int) -> None:
        self.mesh, self.target, self.size = mesh, target, size
        self.normals = smooth_normals(mesh)
        self.reach = island_reach(mesh, self.normals, target.scene)

    @cached_property
    def texel_metres(self) -> Float32[np.ndarray, " triangles"]:
        """Side of a texel on each triangle, metres; zero for triangles without area in the atlas."""
        flat = np.abs(uv_areas(self.mesh)) * self.size**2
        ratio = np.divide(triangle_areas(self.mesh), flat, out=np.zeros(len(flat)), where=flat > 0)
        return np.sqrt(ratio).astype(np.float32)

    def look(self, rows: tuple[int, int]) -> TexelHits:
        """What the texels of rows first <= j < last see from their centres."""
        fragments = rasterize_uvs(self.mesh, width=self.size, height=self.size, rows=rows)
        here = np.flatnonzero(fragments.triangle >= 0)
        low = SurfacePoints(triangle=fragments.triangle.reshape(-1)[here], bary=fragments.bary.reshape(-1, 2)[here])
        return self._trace(here + rows[0] * self.size, low)

    def look_within(
        self, marked: Int64[np.ndarray, " marked"], places: Float64[np.ndarray, "places 2"], rows: tuple[int, int]
    ) -> TexelHits:
        """What these texels, in rows first <= j < last, see from several places each, texels from their centres: a hit for each place that
        an island covers, texel by texel."""
        owner, bary = rasterize_within(self.mesh, marked, places, size=self.size, rows=rows)
        covered = owner >= 0
        low = SurfacePoints(triangle=owner[covered], bary=bary[covered])
        return self._trace(np.repeat(marked, len(places))[covered.reshape(-1)], low)

    def _trace(self, texel: Int64[np.ndarray, " n"], low: SurfacePoints) -> TexelHits:
        """What these texels see from points on the game mesh."""
        found, bary = np.empty(len(texel), np.int32), np.empty((len(texel), 2), np.float32)

        def trace(start: int) -> Int64[np.ndarray, " lost"]:
            share = slice(start, start + _SLAB)
            search = self._search(low[share])
            lost = search.run()
            found[share], bary[share] = search.triangle, search.bary
            return start + lost

        lost = map_in_threads(trace, range(0, len(texel), _SLAB))
        hit = np.flatnonzero(found >= 0)
        return TexelHits(
            size=self.size,
            texel=texel[hit],
            low=low[hit],
            source=SurfacePoints(triangle=found[hit], bary=bary[hit]),
            lost=texel[np.concatenate([np.empty(0, np.int64), *lost])],
            left_out=texel[found < 0],
        )

    def _search(self, low: SurfacePoints) -> _Search:
        normals = unit_vectors(low.take(self.mesh, self.normals))
        points = low.take(self.mesh, self.mesh.positions)
        return _Search(self.target, points, normals, self.reach[low.triangle], np.float32(_COINCIDENT * self.mesh.diagonal))


def trace_texels(mesh: Mesh, target: Target, *, size: int) -> TexelHits:
    """The source point that each texel of the mesh's size x size atlas sees, as TexelTracer looks for it."""
    return TexelTracer(mesh, target, size=size).look((0, size))


def tangent_normals(
    mesh: Mesh, low: SurfacePoints, normals: Float32[np.ndarray, "points 3"], *, bits: int = 8
) -> UInt8[np.ndarray, "points 3"] | UInt16[np.ndarray, "points 3"]:
    """Directions in space as texels of an OpenGL normal map, 8 or 16 bit, at points of the mesh; a MikkTSpace renderer exactly undoes it.

    ValueError when the mesh has no normals or tangents.
    """
    if mesh.normals is None or mesh.tangents is None:
        raise ValueError("tangent_normals: the mesh has no normals or no tangents")
    frame = low.take(mesh, np.concatenate([mesh.normals, mesh.tangents], axis=1))
    out = np.empty((len(low), 3), np.uint8 if bits == 8 else np.uint16)
    half = (2**bits - 1) / 2
    in_threads(lambda a, b: encode_normals(frame, normals, half, out, a, b), len(low), at_least=50_000)
    return out


class _Search:
    """The nearest source surface found so far for each of n texels."""

    def __init__(
        self,
        target: Target,
        points: Float32[np.ndarray, "n 3"],
        normals: Float32[np.ndarray, "n 3"],
        reach: Float32[np.ndarray, " n"],
        lift: np.float32,
    ) -> None:
        self.target, self.points, self.normals, self.reach, self.lift = target, points, normals, reach, lift
        self.triangle = np.full(len(points), -1, np.int32)
        self.bary = np.zeros((len(points), 2), np.float32)
        self.distance = np.full(len(points), np.inf, np.float32)

    def run(self) -> Int64[np.ndarray, " lost"]:
        """Look along the normals, and around where that finds nothing; returns which texels needed the latter.

        One ray from the usual distance above the surface to as far below it serves nearly all: half the time of two rays from the surface.
        """
        self._look_down()
        self._retry(np.flatnonzero(self.triangle < 0), _Search._look_both_ways)
        lost = np.flatnonzero(self.triangle < 0)
        self._retry(lost, _Search._look_around)
        return lost

    def _retry(self, rows: Int64[np.ndarray, " some"], look: Callable[[_Search], None]) -> None:
        """Let only some of the texels look further."""
        if not len(rows):
            return
        some = _Search(self.target, self.points[rows], self.normals[rows], self.reach[rows], self.lift)
        some.triangle, some.bary, some.distance = self.triangle[rows], self.bary[rows], self.distance[rows]
        look(some)
        self.triangle[rows], self.bary[rows], self.distance[rows] = some.triangle, some.bary, some.distance

    def _look_down(self) -> None:
        """From above the surface, as far as lies usual, inwards."""
        height = _USUAL * self.reach
        hits = self.target.scene.closest(self.points + self.normals * height[:, None], -self.normals, max_distance=2 * height)
        self._keep(hits, hits.distance - height)

    def _look_both_ways(self) -> None:
        self._look(self.normals)
        self._look(-self.normals)

    def _look_around(self) -> None:
        for direction in _AROUND:
            self._look(np.tile(direction / np.linalg.norm(direction), (len(self.points), 1)))

    def _look(self, directions: Float32[np.ndarray, "n 3"]) -> None:
        hits = self.target.scene.closest(self.points - directions * self.lift, directions, max_distance=self.reach + self.lift)
        self._keep(hits, hits.distance - self.lift)

    def _keep(self, hits: Hits, distance: Float32[np.ndarray, " n"]) -> None:
        """Keep what is nearer than the best so far and faces the texels; distance may be negative."""
        best = self.triangle, self.bary, self.distance
        mesh = self.target.mesh
        nearest_facing(self.normals, mesh.positions, mesh.triangles, hits.triangle, hits.bary, distance, *best)
