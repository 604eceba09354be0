"""What shows along UV seams: the difference between the two sides of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Material, Mesh
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.topology import find_edges, has_repeated_corner, next_corners, point_triangles
from kiln.imaging.color import linear_to_srgb
from kiln.proof.angles import degrees_between
from kiln.proof.reference import look_of

_SAMPLES: Final = 20_000
"""Points spread evenly over the length of all seams: with twice as many the means move by less than 1 %."""

_SAME_UV = 1e-6


@dataclass(frozen=True, kw_only=True)
class SeamDeltas:
    """Differences across seams."""

    seam_color_delta: float
    """Mean difference of base colour, levels of 255 (sRGB), mean of the three channels."""

    seam_color_delta_p95: float
    seam_normal_delta_degrees: float
    """Mean angle between shading normals."""

    seam_normal_delta_p95_degrees: float


def measure_seams(mesh: Mesh, materials: tuple[Material, ...]) -> SeamDeltas | None:
    """Compare what a renderer shows on both sides of all seams, right at their edges (bilinear); None when there is no seam.

    Half a texel within each chart was tried: the two points then lie a texel apart, and the difference grows with the distance (at 0, 1
    and 2 texels inside 0.8, 2.5 and 5.0 levels): it measures the picture's own contrast. The mesh must have UVs.
    """
    here, there, same_way = _seams(mesh)
    if not len(here):
        return None
    edge, along = _spread(mesh, here)
    turned = np.where(same_way[edge], along, 1 - along)
    look = look_of(mesh, materials)
    one, other = (look.at(_on_edges(half[edge], t)) for half, t in ((here, along), (there, turned)))
    pair = [linear_to_srgb(side.base_color[:, :3]).astype(np.float32) for side in (one, other)]
    levels = np.abs(pair[0] - pair[1]).mean(axis=1)
    degrees = degrees_between(one.normal, other.normal)
    return SeamDeltas(
        seam_color_delta=float(levels.mean()),
        seam_color_delta_p95=float(np.percentile(levels, 95)),
        seam_normal_delta_degrees=float(degrees.mean()),
        seam_normal_delta_p95_degrees=float(np.percentile(degrees, 95)),
    )


def _seams(mesh: Mesh) -> tuple[Int32[np.ndarray, " seams"], Int32[np.ndarray, " seams"], Bool[np.ndarray, " seams"]]:
    """The two half-edges (3 x triangle + corner, of the mesh) at each edge whose sides have different UVs, and whether they run alike."""
    assert mesh.uvs is not None  # noqa: S101 - for the type checker: who has no UVs has no seams
    faces, point_count = point_triangles(mesh)
    proper = np.flatnonzero(~has_repeated_corner(faces))
    edges = find_edges(faces[proper], point_count=point_count)
    here = np.flatnonzero(edges.twins > np.arange(len(edges.twins))).astype(np.int32)
    there = edges.twins[here]
    same_way = edges.starts[here] == edges.starts[there]
    corner_uvs = mesh.uvs[mesh.triangles[proper].reshape(-1)]
    ends = (here, np.where(same_way, there, next_corners(there))), (next_corners(here), np.where(same_way, next_corners(there), there))
    apart = np.zeros(len(here), bool)
    for mine, yours in ends:
        apart |= np.abs(corner_uvs[mine] - corner_uvs[yours]).max(axis=1) > _SAME_UV
    kept = proper.astype(np.int32)
    one, other = (3 * kept[half[apart] // 3] + half[apart] % 3 for half in (here, there))
    return one, other, same_way[apart]


def _spread(mesh: Mesh, half_edges: Int32[np.ndarray, " seams"]) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Points evenly over the seams' length: which seam, and how far along its half-edge (0 to 1)."""
    vertices = mesh.triangles.reshape(-1)
    start, stop = vertices[half_edges], vertices[next_corners(half_edges)]
    length = np.linalg.norm(mesh.positions[stop].astype(np.float64) - mesh.positions[start], axis=1)
    total = np.cumsum(length)
    at = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * total[-1]
    edge = np.minimum(np.searchsorted(total, at), len(total) - 1)
    return edge, np.clip(1 - (total[edge] - at) / np.maximum(length[edge], 1e-300), 0, 1)


def _on_edges(half_edges: Int32[np.ndarray, " n"], along: Float64[np.ndarray, " n"]) -> SurfacePoints:
    """Points that far along half-edges, of the triangles these belong to."""
    weights = np.zeros((len(along), 3), np.float32)
    rows, corner = np.arange(len(along)), half_edges % 3
    weights[rows, corner], weights[rows, (corner + 1) % 3] = 1 - along, along
    return SurfacePoints(triangle=half_edges // 3, bary=weights[:, 1:])
