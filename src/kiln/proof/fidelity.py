"""How true a game mesh and its maps are to the source they were made from, texel by texel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from kiln.asset import Material, Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.normals import smooth_normals
from kiln.geometry.rasterize import Fragments, rasterize_uvs
from kiln.geometry.vectors import unit_vectors
from kiln.imaging.color import linear_to_srgb
from kiln.proof.angles import degrees_between
from kiln.proof.reference import Reference
from kiln.render.surface import Surface, bent_normals

_REACH = 0.03
"""How far from the game mesh the source is looked for, as a share of its diagonal."""

_LIFT = 1e-6
"""Rays start this share of the diagonal behind the surface, so that a source that coincides with it is hit."""

_CELLS = 440
"""Cells on the longer side of the map, one texel looked at in each: of a 2048 map 110,000 texels, whose mean is within 0.5 % of that over
all, in a twentieth of the time."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Distances are shares of the source's diagonal, angles are degrees."""

    ray_misses: float
    """Share of texels from which no source surface is met along the normal, out- or inwards. When all miss, the rest is None."""

    distance_rms: float | None = None
    distance_max: float | None = None
    normal_error_mean_degrees: float | None = None
    """Between the shading normal with the map and the source's; None without a normal map or tangents."""

    normal_error_p95_degrees: float | None = None
    """95th percentile."""

    unmapped_error_mean_degrees: float | None = None
    """Likewise without the map: what the map has to make good."""

    unmapped_error_p95_degrees: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class TexelErrors:
    """Texels drawn one from each cell of a map, and how each differs from the source: NaN where that could not be told."""

    cells: tuple[int, int]
    """Rows and columns of cells that the map was cut into."""

    cell: Int64[np.ndarray, " n"]
    """row * columns + column of each texel's cell, rising."""

    distance: Float32[np.ndarray, " n"]
    """To the source along the normal, a share of its diagonal; infinite for a miss."""

    plain_degrees: Float32[np.ndarray, " n"]
    """Angle between the mesh's own normal and the source's."""

    mapped_degrees: Float32[np.ndarray, " n"] | None
    """The same with the normal map; None without one, or without tangents."""

    color_levels: Float32[np.ndarray, " n"] | None
    """Difference of colour, levels of 255 (sRGB), mean of the three channels; NaN where it was guessed; None without a map."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def as_map(self, values: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "rows columns"]:
        """A value of each texel where it lies in the map, cell by cell; NaN where there is none."""
        image = np.full(self.cells[0] * self.cells[1], np.nan, np.float32)
        image[self.cell] = values
        return image.reshape(self.cells)

    def numbers(self) -> Fidelity:
        """Means, percentiles and extremes."""
        met = np.isfinite(self.distance)
        if not met.any():
            return Fidelity(ray_misses=1.0)
        distance, plain = self.distance[met], self.plain_degrees[met]
        mapped = None if self.mapped_degrees is None else self.mapped_degrees[met]
        return Fidelity(
            ray_misses=float(1 - met.mean()),
            distance_rms=float(np.sqrt(np.mean(distance.astype(np.float64) ** 2))),
            distance_max=float(distance.max()),
            normal_error_mean_degrees=None if mapped is None else float(mapped.mean()),
            normal_error_p95_degrees=None if mapped is None else float(np.percentile(mapped, 95)),
            unmapped_error_mean_degrees=float(plain.mean()),
            unmapped_error_p95_degrees=float(np.percentile(plain, 95)),
        )


def compare_texels(
    mesh: Mesh, material: Material | None, reference: Reference, *, size: int = 2048, fragments: Fragments | None = None
) -> TexelErrors:
    """Compare one texel of each cell of the map with the source; the truth is the nearer of the two hits along plus and minus the normal.

    mesh and source are in one frame; the mesh needs UVs. size is used where there is no normal map to take it from.
    """
    normal_map = None if material is None else material.normal
    height, width = (size, size) if normal_map is None else normal_map.shape[:2]
    texels, cell, cells = _draw(fragments or rasterize_uvs(mesh, width=width, height=height))
    points = texels.points
    normals = unit_vectors(points.take(mesh, smooth_normals(mesh) if mesh.normals is None else mesh.normals))
    hits, distance = _nearest_source(reference, points.take(mesh, mesh.positions), normals)
    met = np.isfinite(distance)
    truth = reference.look_at(hits[met])
    mapped = _mapped_normals(mesh, normal_map, texels, normals)
    return TexelErrors(
        cells=cells,
        cell=cell,
        distance=np.abs(distance / np.float32(reference.mesh.diagonal) - np.float32(_LIFT)),
        plain_degrees=_spread_out(degrees_between(normals[met], truth.normal), met),
        mapped_degrees=None if mapped is None else _spread_out(degrees_between(mapped[met], truth.normal), met),
        color_levels=_color_levels(material, texels, truth, met),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Texels:
    """Where texels lie on a map, and on the game mesh."""

    row: Int64[np.ndarray, " n"]
    column: Int64[np.ndarray, " n"]
    points: SurfacePoints


def _draw(fragments: Fragments) -> tuple[_Texels, Int64[np.ndarray, " n"], tuple[int, int]]:
    """Covered texels, one from each cell, at a place in it that a fixed seed says: a plain lattice would always hit the same texels of the
    blocks that bakers work in. Also their cells, and how many rows and columns of cells there are.
    """
    height, width = fragments.triangle.shape
    step = -(-max(height, width) // _CELLS)
    rows, columns = -(-height // step), -(-width // step)
    row, column = np.mgrid[0:rows, 0:columns] * step + np.random.default_rng(0).integers(0, step, (2, rows, columns))
    row, column = np.minimum(row, height - 1).reshape(-1), np.minimum(column, width - 1).reshape(-1)
    cell = np.flatnonzero(fragments.triangle[row, column] >= 0)
    row, column = row[cell], column[cell]
    points = SurfacePoints(triangle=fragments.triangle[row, column], bary=fragments.bary[row, column])
    return _Texels(row=row, column=column, points=points), cell, (rows, columns)


def _nearest_source(
    reference: Reference, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"]
) -> tuple[SurfacePoints, Float32[np.ndarray, " n"]]:
    """The nearer hit along plus and minus the normal, and how far it is (metres; infinite for a miss, whose triangle means nothing)."""
    triangle, bary = np.zeros(len(points), np.int32), np.zeros((len(points), 2), np.float32)
    best = np.full(len(points), np.inf, np.float32)
    diagonal = reference.mesh.diagonal
    for direction in (normals, -normals):
        hits = reference.scene.closest(points - direction * np.float32(_LIFT * diagonal), direction, max_distance=_REACH * diagonal)
        nearer = hits.hit & (hits.distance < best)
        triangle[nearer], bary[nearer], best[nearer] = hits.triangle[nearer], hits.bary[nearer], hits.distance[nearer]
    return SurfacePoints(triangle=triangle, bary=bary), best


def _mapped_normals(
    mesh: Mesh, normal_map: np.ndarray | None, texels: _Texels, normals: Float32[np.ndarray, "n 3"]
) -> Float32[np.ndarray, "n 3"] | None:
    """The normals that light sees with the map; None without a map or tangents."""
    if normal_map is None or mesh.tangents is None:
        return None
    bend = normal_map[texels.row, texels.column] / np.float32(127.5) - np.float32(1)
    return bent_normals(normals, texels.points.take(mesh, mesh.tangents), bend)


def _color_levels(material: Material | None, texels: _Texels, truth: Surface, met: np.ndarray) -> Float32[np.ndarray, " n"] | None:
    """How far the map's colour is from the source's; only where both maps have one size, which is where texels mean the same."""
    if material is None or material.base_color is None:
        return None
    height, width = material.base_color.shape[:2]
    if material.normal is not None and material.normal.shape[:2] != (height, width):
        return None
    pixels = material.base_color[texels.row[met] % height, texels.column[met] % width, :3].astype(np.float32)
    levels = np.abs(pixels - linear_to_srgb(truth.base_color[:, :3])).mean(axis=1)
    guessed = Reference.is_guessed(truth)
    if guessed is not None:
        levels[guessed] = np.nan
    return _spread_out(levels, met)


def _spread_out(values: Float32[np.ndarray, " met"], met: np.ndarray) -> Float32[np.ndarray, " n"]:
    """Values of the texels that met the source among all texels."""
    out = np.full(len(met), np.nan, np.float32)
    out[met] = values
    return out
