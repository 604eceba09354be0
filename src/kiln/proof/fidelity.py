"""How true a game mesh and its normal map are to the source they were made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from kiln.asset import Material, Mesh
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.normals import smooth_normals, with_normals
from kiln.geometry.rasterize import Fragments, rasterize_uvs
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import unit_vectors
from kiln.render.surface import bent_normals

_REACH = 0.03
"""How far from the game mesh the source is looked for, as a share of its diagonal."""

_LIFT = 1e-6
"""Rays start this share of the diagonal behind the surface, so that a source that coincides with it is hit."""

_TEXELS = 100_000
"""Texels looked at: the mean is then within 0.5 % of that over all of a 2048 map, in a third of the time."""


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


def measure_fidelity(
    mesh: Mesh, material: Material | None, source: Mesh, *, size: int = 2048, fragments: Fragments | None = None
) -> Fidelity:
    """Compare with the source at texels drawn by a fixed seed. The truth is the nearer of the two hits along plus and minus the normal.

    mesh and source are in one frame; the mesh needs UVs. size is used where there is no normal map to take it from.
    """
    normal_map = None if material is None else material.normal
    height, width = (size, size) if normal_map is None else normal_map.shape[:2]
    texels, points = _draw(fragments or rasterize_uvs(mesh, width=width, height=height))
    normals = unit_vectors(points.take(mesh, smooth_normals(mesh) if mesh.normals is None else mesh.normals))
    truth, distance = _nearest_source(source, points.take(mesh, mesh.positions), normals)
    met = np.isfinite(distance)
    if not met.any():
        return Fidelity(ray_misses=1.0)
    relative = np.abs(distance[met] / source.diagonal - _LIFT)
    plain = _degrees(normals, truth, met)
    mapped = None
    if normal_map is not None and mesh.tangents is not None:
        bend = normal_map.reshape(-1, 3)[texels] / np.float32(127.5) - np.float32(1)
        mapped = _degrees(bent_normals(normals, points.take(mesh, mesh.tangents), bend), truth, met)
    return Fidelity(
        ray_misses=float(1 - met.mean()),
        distance_rms=float(np.sqrt(np.mean(relative.astype(np.float64) ** 2))),
        distance_max=float(relative.max()),
        normal_error_mean_degrees=None if mapped is None else float(mapped.mean()),
        normal_error_p95_degrees=None if mapped is None else float(np.percentile(mapped, 95)),
        unmapped_error_mean_degrees=float(plain.mean()),
        unmapped_error_p95_degrees=float(np.percentile(plain, 95)),
    )


def _draw(fragments: Fragments) -> tuple[Int64[np.ndarray, " n"], SurfacePoints]:
    """Covered texels (row * width + column) by a fixed seed, and the points of the game mesh at their centres."""
    texels = np.flatnonzero(fragments.triangle >= 0)
    if len(texels) > _TEXELS:
        texels = np.sort(np.random.default_rng(0).choice(texels, _TEXELS, replace=False))
    points = SurfacePoints(triangle=fragments.triangle.reshape(-1)[texels], bary=fragments.bary.reshape(-1, 2)[texels])
    return texels, points


def _nearest_source(
    source: Mesh, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"]
) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, " n"]]:
    """The source's normal at the nearer hit along plus and minus the normal, and how far it is (metres; infinite for a miss)."""
    scene = Scene(source)
    source = with_normals(source)
    assert source.normals is not None  # noqa: S101 - for the type checker: with_normals gave them
    truth = np.zeros_like(points)
    best = np.full(len(points), np.inf, np.float32)
    lift = np.float32(_LIFT * source.diagonal)
    for direction in (normals, -normals):
        hits = scene.closest(points - direction * lift, direction, max_distance=_REACH * source.diagonal)
        nearer = hits.hit & (hits.distance < best)
        met = SurfacePoints(triangle=hits.triangle[nearer], bary=hits.bary[nearer])
        truth[nearer] = unit_vectors(met.take(source, source.normals))
        best[nearer] = hits.distance[nearer]
    return truth, best


def _degrees(normals: np.ndarray, truth: np.ndarray, met: np.ndarray) -> np.ndarray:
    # From the chord, because acos of a float32 dot product cannot see angles below 0.03 degrees.
    chord = np.linalg.norm(normals[met] - truth[met], axis=1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1)))
