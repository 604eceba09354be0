"""Where on a dense source each texel of a game mesh looks: the one trace that every baked map is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.normals import smooth_normals, with_normals
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import face_vectors, unit_vectors
from kiln.kernels import in_threads, map_in_threads
from kiln.kernels.bake import encode_normals, interpolate_rows, nearest_facing

_SLAB = 1 << 18
"""Texels traced at a time: all of 2048 x 2048 at once would hold 300 MB of rays."""

_COINCIDENT = 1e-5
"""Rays start this share of the mesh's diagonal behind their texel, so that a source surface that runs through the texel itself is met."""

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
        rows = np.ascontiguousarray(attribute)
        in_threads(lambda a, b: interpolate_rows(rows, mesh.triangles, self.triangle, self.bary, out, a, b), len(self), at_least=50_000)
        return out


class Target:
    """A dense source made ready to be looked at: rays, vertex normals, face normals."""

    def __init__(self, source: Mesh) -> None:
        self.mesh = with_normals(source)
        assert self.mesh.normals is not None  # noqa: S101 - for the type checker: with_normals gave them
        self.normals: Float32[np.ndarray, "vertices 3"] = self.mesh.normals
        self.scene = Scene(source)
        self.face_normals: Float32[np.ndarray, "triangles 3"] = unit_vectors(face_vectors(source)).astype(np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class TexelHits:
    """The texels that islands cover and that found their place on the source."""

    size: int
    """Texels on a side of the map."""

    texel: Int64[np.ndarray, " texels"]
    """row * size + column, rising."""

    low: SurfacePoints
    """On the game mesh."""

    source: SurfacePoints
    """On the source."""

    covered: int
    """Texels that islands cover; more than `texel` has when some found nothing."""

    missed: int
    """Covered texels whose two rays along the normal met no source surface that faces their way."""

    cage: float
    """How far the rays looked, metres."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def trace_texels(mesh: Mesh, target: Target, *, size: int) -> TexelHits:
    """The source point that each texel of the mesh's size x size atlas sees along the smooth normal, out- or inwards, whichever is nearer.

    Surfaces that face away are not seen: a thin part's texels must not catch its other side. Texels that see nothing look about in 14
    directions; those that still find nothing are left out. ValueError when the mesh has no UVs.
    """
    fragments = rasterize_uvs(mesh, width=size, height=size)
    texel = np.flatnonzero(fragments.triangle.reshape(-1) >= 0)
    low = SurfacePoints(triangle=fragments.triangle.reshape(-1)[texel], bary=fragments.bary.reshape(-1, 2)[texel])
    normals = smooth_normals(mesh)
    cage = cage_distance(mesh, normals, target.scene)
    found, bary = np.empty(len(texel), np.int32), np.empty((len(texel), 2), np.float32)

    def trace(start: int) -> int:
        rows = slice(start, start + _SLAB)
        search = _Search(target, low[rows].take(mesh, mesh.positions), unit_vectors(low[rows].take(mesh, normals)), mesh.diagonal)
        missed = search.run(cage)
        found[rows], bary[rows] = search.triangle, search.bary
        return missed

    missed = sum(map_in_threads(trace, range(0, len(texel), _SLAB)))
    hit = np.flatnonzero(found >= 0)
    source = SurfacePoints(triangle=found[hit], bary=bary[hit])
    return TexelHits(size=size, texel=texel[hit], low=low[hit], source=source, covered=len(texel), missed=missed, cage=cage)


def cage_distance(mesh: Mesh, normals: Float32[np.ndarray, "vertices 3"], source: Scene) -> float:
    """How far rays from the game mesh must look for the source, metres: four times what 99.5 % of its triangles' centres need.

    Between 0.2 % and 10 % of the diagonal. Looking too far does no harm: of several surfaces the nearest that faces the right way is taken.
    """
    centres = mesh.positions[mesh.triangles].mean(axis=1)
    directions = unit_vectors(normals[mesh.triangles].sum(axis=1))
    reach = 0.1 * mesh.diagonal
    near = [source.closest(centres, way, max_distance=reach) for way in (directions, -directions)]
    distance = np.minimum(*(np.where(hits.hit, hits.distance, reach) for hits in near))
    return float(np.clip(4 * np.percentile(distance, 99.5), 0.02 * reach, reach))


def tangent_normals(mesh: Mesh, low: SurfacePoints, normals: Float32[np.ndarray, "points 3"]) -> UInt8[np.ndarray, "points 3"]:
    """Directions in space as bytes of an OpenGL normal map at points of the mesh, exactly undone by a MikkTSpace renderer.

    ValueError when the mesh has no normals or tangents.
    """
    if mesh.normals is None or mesh.tangents is None:
        raise ValueError("tangent_normals: the mesh has no normals or no tangents")
    frame = low.take(mesh, np.concatenate([mesh.normals, mesh.tangents], axis=1))
    out = np.empty((len(low), 3), np.uint8)
    in_threads(lambda a, b: encode_normals(frame, normals, out, a, b), len(low), at_least=50_000)
    return out


class _Search:
    """The nearest source surface found so far for each of n texels."""

    def __init__(self, target: Target, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"], diagonal: float) -> None:
        self.target, self.points, self.normals, self.diagonal = target, points, normals, diagonal
        self.triangle = np.full(len(points), -1, np.int32)
        self.bary = np.zeros((len(points), 2), np.float32)
        self.distance = np.full(len(points), np.inf, np.float32)

    def run(self, cage: float) -> int:
        """Look along the normals, and around where that finds nothing; returns how many texels needed the latter.

        A texel that finds its source close outwards, within what 99.5 % of the texels need, does not look inwards too: that halves the
        time.
        """
        self._look(self.normals, cage)
        self._retry(np.flatnonzero(self.distance > cage / 4), lambda some: some._look(-some.normals, cage))
        lost = np.flatnonzero(self.triangle < 0)
        self._retry(lost, lambda some: some._look_around(cage))
        return len(lost)

    def _retry(self, rows: Int64[np.ndarray, " some"], look: Callable[[_Search], None]) -> None:
        """Let only some of the texels look further."""
        if not len(rows):
            return
        some = _Search(self.target, self.points[rows], self.normals[rows], self.diagonal)
        some.triangle, some.bary, some.distance = self.triangle[rows], self.bary[rows], self.distance[rows]
        look(some)
        self.triangle[rows], self.bary[rows], self.distance[rows] = some.triangle, some.bary, some.distance

    def _look_around(self, reach: float) -> None:
        for direction in _AROUND:
            self._look(np.tile(direction / np.linalg.norm(direction), (len(self.points), 1)), reach)

    def _look(self, directions: Float32[np.ndarray, "n 3"], reach: float) -> None:
        back = np.float32(_COINCIDENT * self.diagonal)
        hits = self.target.scene.closest(self.points - directions * back, directions, max_distance=reach + float(back))
        best = self.triangle, self.bary, self.distance
        nearest_facing(self.normals, self.target.face_normals, hits.triangle, hits.bary, hits.distance - back, *best)
