"""How well a UV layout uses its texture: share covered, overlaps, flips, charts, gutter, texel density."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas, uv_areas
from kiln.geometry.rasterize import Fragments, rasterize_uvs
from kiln.geometry.topology import label_components
from kiln.kernels.weld import equal_rows

_ZERO_AREA = 5e-13
"""A triangle's share of the texture, below which it holds no texel even at 65,536 px."""

_OUTSIDE = 1e-5
"""UV units beyond the texture's edge that rounding may cause."""


@dataclass(frozen=True, kw_only=True)
class UvLayout:
    """Numbers about one UV layout on a texture of a given size."""

    utilization: float
    """Share of the texture's texels that some triangle covers."""

    overlap_texels: int
    """Texels whose centre lies in more than one triangle."""

    flipped: int
    """Triangles wound against most of the layout."""

    zero_area: int
    outside: int
    """Triangles with a corner outside the texture."""

    charts: int
    gutter_px: float | None
    """Empty texels between the two charts that come nearest to each other; None with a single chart."""

    density_mean: float
    """Texels per metre of surface, averaged over the area."""

    density_cv: float
    """Its standard deviation over its mean."""


def measure_layout(mesh: Mesh, *, width: int, height: int, fragments: Fragments | None = None) -> UvLayout:
    """Measure the mesh's UVs on a width x height map. `fragments` saves time when the caller has rasterized the UVs already."""
    uvs = _uvs(mesh)
    fragments = fragments or rasterize_uvs(mesh, width=width, height=height)
    covered = fragments.triangle >= 0
    labels, charts = chart_labels(mesh)
    areas = uv_areas(mesh)
    mean, deviation = _density(mesh, np.abs(areas) * width * height)
    outside = np.any((uvs < -_OUTSIDE) | (uvs > 1 + _OUTSIDE), axis=1)
    return UvLayout(
        utilization=float(covered.mean()),
        overlap_texels=_overlaps(mesh, fragments),
        flipped=int(min((areas > 0).sum(), (areas < 0).sum())),
        zero_area=int((np.abs(areas) < _ZERO_AREA).sum()),
        outside=int(outside[mesh.triangles].any(axis=1).sum()),
        charts=charts,
        gutter_px=_gutter(np.where(covered, labels[fragments.triangle], -1).astype(np.int32)),
        density_mean=mean,
        density_cv=deviation / mean if mean > 0 else 0.0,
    )


def chart_labels(mesh: Mesh) -> tuple[Int32[np.ndarray, " triangles"], int]:
    """The chart of each triangle and how many there are: triangles that share a vertex, vertices being welded by position and UV."""
    classes, count = equal_rows(np.concatenate([mesh.positions, _uvs(mesh)], axis=1))
    return label_components(classes.astype(np.int32)[mesh.triangles], point_count=count)


def _uvs(mesh: Mesh) -> Float32[np.ndarray, "vertices 2"]:
    if mesh.uvs is None:
        raise ValueError("the mesh has no UVs to measure")
    return mesh.uvs


def _overlaps(mesh: Mesh, fragments: Fragments) -> int:
    """Texels that have two owners: drawing the triangles in reverse order gives those another one."""
    reverse = Mesh(positions=mesh.positions, triangles=mesh.triangles[::-1], uvs=mesh.uvs)
    height, width = fragments.triangle.shape
    last = rasterize_uvs(reverse, width=width, height=height).triangle
    return int((fragments.triangle != np.where(last >= 0, mesh.triangle_count - 1 - last, -1)).sum())


def _density(mesh: Mesh, texels: Float64[np.ndarray, " triangles"]) -> tuple[float, float]:
    """Mean and standard deviation of texels per metre, weighted by area; texels are those of each triangle."""
    area = triangle_areas(mesh)
    solid = area > 1e-12 * max(mesh.diagonal, 1e-30) ** 2
    if not solid.any():
        return 0.0, 0.0
    density = np.sqrt(texels[solid] / area[solid])
    mean = float(np.average(density, weights=area[solid]))
    return mean, float(np.sqrt(np.average((density - mean) ** 2, weights=area[solid])))


def _gutter(charts: Int32[np.ndarray, "height width"]) -> float | None:
    """Fewest empty texels between two charts, from a map of the chart at each texel (-1: none).

    Every empty texel is given to the nearest chart texel; where neighbours were given to different charts, those two texels are measured.
    """
    covered = charts >= 0
    _, nearest = cv2.distanceTransformWithLabels((~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    sites = np.flatnonzero(covered).astype(np.int32)
    if not len(sites):
        return None
    site_of_label = np.zeros(len(sites) + 1, np.int32)
    site_of_label[nearest.reshape(-1)[sites]] = sites
    owner = charts.reshape(-1)[site_of_label][nearest]
    here, there = (site_of_label[nearest.reshape(-1)[side]] for side in _meetings(owner))
    if not len(here):
        return None
    width = charts.shape[1]
    across, down = np.abs(here % width - there % width), np.abs(here // width - there // width)
    return float(np.hypot(np.maximum(across - 1, 0), np.maximum(down - 1, 0)).min())


def _meetings(owner: Int32[np.ndarray, "height width"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Flat indices of neighbouring texels, right and below, that belong to different charts."""
    width = owner.shape[1]
    flat = owner.reshape(-1)
    right = np.flatnonzero(flat[1:] != flat[:-1])
    right = right[right % width != width - 1]  # a row's end is no neighbour of the next row's start
    below = np.flatnonzero(flat[width:] != flat[:-width])
    return np.concatenate([right, below]), np.concatenate([right + 1, below + width])
