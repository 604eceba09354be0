"""Which triangle covers each pixel: for texels (points are UVs) and for views (points are projected, with depth)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.kernels import in_threads
from kiln.kernels.raster import rasterize_rows, sample_marked


@dataclass(frozen=True, eq=False, kw_only=True)
class Fragments:
    """What lies under each pixel's centre."""

    triangle: Int32[np.ndarray, "height width"]
    """-1 where there is none."""

    bary: Float32[np.ndarray, "height width 2"]
    """Weights of the triangle's second and third corner; the first has the rest."""

    depth: Float32[np.ndarray, "height width"]
    """+inf where there is no triangle."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def rasterize(
    points: Float64[np.ndarray, "vertices 2"],
    triangles: UInt32[np.ndarray, "triangles 3"],
    *,
    width: int,
    height: int,
    depth: Float64[np.ndarray, " vertices"] | None = None,
) -> Fragments:
    """The nearest triangle under each pixel's centre; points are in pixels, the centre of pixel (i, j) being (i + .5, j + .5).

    Without depth, the lowest-numbered triangle wins where several overlap. Both windings are drawn, nothing is clipped in depth.
    """
    owner = np.full((height, width), -1, np.int32)
    bary = np.zeros((height, width, 2), np.float32)
    nearest = np.full((height, width), np.inf, np.float32)
    flat = np.zeros(len(points)) if depth is None else depth
    rows = np.ascontiguousarray(points)  # one kind of array only, or the kernel is compiled twice
    in_threads(lambda first, last: rasterize_rows(rows, flat, triangles, owner, bary, nearest, first, last), height, at_least=64)
    return Fragments(triangle=owner, bary=bary, depth=nearest)


def rasterize_uvs(mesh: Mesh, *, width: int, height: int, rows: tuple[int, int] | None = None) -> Fragments:
    """The triangle at each texel of a width x height map laid out by the mesh's UVs.

    With rows, only of the map's rows first <= j < last.
    """
    first, last = rows or (0, height)
    return rasterize(_texels(mesh, width, height, first), mesh.triangles, width=width, height=last - first)


def rasterize_within(
    mesh: Mesh, marked: Int64[np.ndarray, " marked"], places: Float64[np.ndarray, "places 2"], *, size: int, rows: tuple[int, int]
) -> tuple[Int32[np.ndarray, "marked places"], Float32[np.ndarray, "marked places 2"]]:
    """The triangle (-1: none) and the weights of its second and third corner at several places within some texels of a size x size map.

    marked are texels (row * size + column) in rows first <= j < last; places are texels from each one's centre, less than half of one.
    """
    first, last = rows
    number = np.full((last - first, size), -1, np.int32)
    number.reshape(-1)[marked - first * size] = np.arange(len(marked), dtype=np.int32)
    owner = np.full((len(marked), len(places)), -1, np.int32)
    bary = np.zeros((*owner.shape, 2), np.float32)
    sample_marked(_texels(mesh, size, size, first), mesh.triangles, number, places, owner, bary)
    return owner, bary


def _texels(mesh: Mesh, width: int, height: int, first_row: int) -> Float64[np.ndarray, "vertices 2"]:
    """The mesh's UVs in texels of a map whose rows above first_row are left away."""
    if mesh.uvs is None:
        raise ValueError("rasterize_uvs: the mesh has no UVs")
    return np.ascontiguousarray(mesh.uvs.astype(np.float64) * (width, height) - (0, first_row))
