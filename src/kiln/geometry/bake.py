"""Where on a dense source each texel of a game mesh looks: the one trace that every baked map is read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.normals import face_vectors, smooth_normals
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.trace import Scene
from kiln.kernels import in_threads
from kiln.kernels.bake import encode_normals, interpolate_rows, nearest_facing

_SLAB = 1 << 18
"""Texels traced at a time: 2048 x 2048 at once would hold 300 MB of rays."""


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

    def __getitem__(self, rows: slice) -> SurfacePoints:
        return SurfacePoints(triangle=self.triangle[rows], bary=self.bary[rows])

    def take(self, mesh: Mesh, attribute: Float32[np.ndarray, "vertices channels"]) -> Float32[np.ndarray, "points channels"]:
        """A vertex attribute of the mesh at each point."""
        out = np.empty((len(self), attribute.shape[1]), np.float32)
        rows = np.ascontiguousarray(attribute)
        in_threads(lambda a, b: interpolate_rows(rows, mesh.triangles, self.triangle, self.bary, out, a, b), len(self), at_least=10_000)
        return out


@dataclass(frozen=True, eq=False, kw_only=True)
class TexelHits:
    """Every texel that an island covers and that found its place on the source."""

    size: int
    """Texels on a side of the map."""

    texel: Int64[np.ndarray, " texels"]
    """row * size + column, rising."""

    low: SurfacePoints
    """On the game mesh."""

    source: SurfacePoints
    """On the source."""

    covered: int
    """Texels that islands cover."""

    missed: int
    """Covered texels whose two rays along the normal met no source surface that faces their way."""

    cage: float
    """How far the rays looked, metres."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


@dataclass(frozen=True, eq=False)
class _Target:
    """The source, ready to be looked at."""

    scene: Scene
    face_normals: Float32[np.ndarray, "triangles 3"]


def unit_face_normals(mesh: Mesh) -> Float32[np.ndarray, "triangles 3"]:
    """Each triangle's unit normal; zero where it has no area."""
    vectors = face_vectors(mesh)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-300)).astype(np.float32)


class _Nearest:
    """The best hit of each of n texels so far."""

    def __init__(self, target: _Target, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"]) -> None:
        self.target, self.points, self.normals = target, points, normals
        self.triangle = np.full(len(points), -1, np.int32)
        self.bary = np.zeros((len(points), 2), np.float32)
        self.distance = np.full(len(points), np.inf, np.float32)

    def look(self, directions: Float32[np.ndarray, "n 3"], *, reach: float, back: float) -> None:
        """Follow a ray from `back` metres behind each point, so that a surface that coincides with the point is met."""
        origins = self.points - directions * np.float32(back)
        hits = self.target.scene.closest(origins, directions, max_distance=reach + back)
        beyond = hits.distance - np.float32(back)
        best = self.triangle, self.bary, self.distance
        nearest_facing(self.normals, self.target.face_normals, hits.triangle, hits.bary, beyond, *best)


_AROUND = np.array(
    [d for d in np.ndindex(3, 3, 3) if sum(abs(k - 1) for k in d) in (1, 3)], np.float32
) - np.float32(1)
"""The faces and corners of a cube: 14 ways to look for the surface near a point that sees none along its normal."""


def cage_distance(mesh: Mesh, normals: Float32[np.ndarray, "vertices 3"], source: Scene) -> float:
    """How far rays from the game mesh must look for the source, metres: four times what 99.5 % of its triangles' centres need."""
    centres = mesh.positions[mesh.triangles].mean(axis=1)
    directions = _unit(normals[mesh.triangles].sum(axis=1))
    reach = 0.1 * mesh.diagonal
    near = [source.closest(centres, way, max_distance=reach) for way in (directions, -directions)]
    distance = np.minimum(*(np.where(hits.hit, hits.distance, reach) for hits in near))
    return float(np.clip(4 * np.percentile(distance, 99.5), 2e-3 * mesh.diagonal, reach))


def _unit(vectors: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def trace_texels(mesh: Mesh, source: Mesh, scene: Scene, *, size: int) -> TexelHits:
    """The source point that each texel of the mesh's size x size atlas sees along the smooth normal, out- or inwards, whichever is nearer.

    Surfaces that face away are not seen. Texels that see nothing look around themselves in 14 directions; those that still find nothing
    are left out.
    """
    fragments = rasterize_uvs(mesh, width=size, height=size)
    texel = np.flatnonzero(fragments.triangle.reshape(-1) >= 0)
    low = SurfacePoints(triangle=fragments.triangle.reshape(-1)[texel], bary=fragments.bary.reshape(-1, 2)[texel])
    normals = smooth_normals(mesh)
    target = _Target(scene, unit_face_normals(source))
    cage = cage_distance(mesh, normals, scene)
    found = np.empty(len(texel), np.int32)
    bary = np.empty((len(texel), 2), np.float32)
    missed = 0
    for start in range(0, len(texel), _SLAB):
        rows = slice(start, start + _SLAB)
        nearest = _Nearest(target, low[rows].take(mesh, mesh.positions), _unit(low[rows].take(mesh, normals)))
        missed += _look(nearest, cage, mesh.diagonal)
        found[rows], bary[rows] = nearest.triangle, nearest.bary
    hit = found >= 0
    low, seen = (low, SurfacePoints(triangle=found, bary=bary))
    if not hit.all():
        low, seen = (SurfacePoints(triangle=p.triangle[hit], bary=p.bary[hit]) for p in (low, seen))
        texel = texel[hit]
    return TexelHits(size=size, texel=texel, low=low, source=seen, covered=len(hit), missed=missed, cage=cage)


def _look(nearest: _Nearest, cage: float, diagonal: float) -> int:
    """Fill in the best hits; returns how many texels saw nothing along their normal."""
    back = 1e-5 * diagonal
    for way in (1, -1):
        nearest.look(way * nearest.normals, reach=cage, back=back)
    lost = np.flatnonzero(nearest.triangle < 0)
    if len(lost):
        around = _Nearest(nearest.target, nearest.points[lost], nearest.normals[lost])
        for way in _AROUND:
            around.look(np.tile(way / np.linalg.norm(way), (len(lost), 1)), reach=2 * cage, back=back)
        nearest.triangle[lost], nearest.bary[lost] = around.triangle, around.bary
    return len(lost)


def tangent_space(mesh: Mesh, low: SurfacePoints, normals: Float32[np.ndarray, "points 3"]) -> UInt8[np.ndarray, "points 3"]:
    """Directions (in space) as bytes of an OpenGL normal map at points of the mesh, exactly undone by a MikkTSpace renderer.

    The mesh must have normals and tangents. Raises ValueError when it has not.
    """
    if mesh.normals is None or mesh.tangents is None:
        raise ValueError("tangent_space: the mesh has no normals or no tangents")
    frame = low.take(mesh, np.concatenate([mesh.normals, mesh.tangents], axis=1))
    out = np.empty((len(low), 3), np.uint8)
    in_threads(lambda a, b: encode_normals(frame, normals, out, a, b), len(low), at_least=10_000)
    return out
