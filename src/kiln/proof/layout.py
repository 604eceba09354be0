"""How well a UV layout uses its texture: share covered, overlaps, flips, charts, gutter, texel density."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int32

from kiln.asset import Mesh
from kiln.geometry.normals import face_vectors
from kiln.geometry.rasterize import Fragments, rasterize_uvs
from kiln.geometry.topology import label_components
from kiln.geometry.weld import equal_rows

_ZERO_AREA = 1e-12
"""Twice a triangle's share of the texture, below which it holds no texel even at 65,536 px."""

_OUTSIDE = 1e-5
"""UV units beyond the texture's edge that rounding may cause."""


@dataclass(frozen=True, kw_only=True)
class Layout:
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


def measure_layout(mesh: Mesh, *, width: int, height: int, fragments: Fragments | None = None) -> Layout:
    """Measure the mesh's UVs on a width x height map. `fragments` saves time when the caller has rasterized the UVs already."""
    assert mesh.uvs is not None  # noqa: S101 - asked by the caller
    fragments = fragments or rasterize_uvs(mesh, width=width, height=height)
    covered = fragments.triangle >= 0
    labels, charts = chart_labels(mesh)
    doubled = _doubled_uv_area(mesh)
    mean, deviation = _density(mesh, doubled * width * height)
    outside = ((mesh.uvs < -_OUTSIDE) | (mesh.uvs > 1 + _OUTSIDE)).any(axis=1)
    return Layout(
        utilization=float(covered.mean()),
        overlap_texels=_overlaps(mesh, fragments),
        flipped=int(min((doubled > 0).sum(), (doubled < 0).sum())),
        zero_area=int((np.abs(doubled) < _ZERO_AREA).sum()),
        outside=int(outside[mesh.triangles].any(axis=1).sum()),
        charts=charts,
        gutter_px=_gutter(np.where(covered, labels[fragments.triangle], -1).astype(np.int32)),
        density_mean=mean,
        density_cv=deviation / mean if mean > 0 else 0.0,
    )


def chart_labels(mesh: Mesh) -> tuple[Int32[np.ndarray, " triangles"], int]:
    """The chart of each triangle and how many there are: triangles that share a vertex, vertices being welded by position and UV."""
    assert mesh.uvs is not None  # noqa: S101 - asked by the caller
    classes, count = equal_rows(np.concatenate([mesh.positions, mesh.uvs], axis=1))
    return label_components(classes.astype(np.int32)[mesh.triangles], point_count=count)


def _doubled_uv_area(mesh: Mesh) -> Float64[np.ndarray, " triangles"]:
    assert mesh.uvs is not None  # noqa: S101 - asked by the caller
    a, b, c = (mesh.uvs[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def _overlaps(mesh: Mesh, fragments: Fragments) -> int:
    """Texels that have two owners: drawing the triangles in reverse order gives those another one."""
    reverse = Mesh(positions=mesh.positions, triangles=mesh.triangles[::-1], uvs=mesh.uvs)
    height, width = fragments.triangle.shape
    last = rasterize_uvs(reverse, width=width, height=height).triangle
    return int((fragments.triangle != np.where(last >= 0, mesh.triangle_count - 1 - last, -1)).sum())


def _density(mesh: Mesh, doubled_texels: Float64[np.ndarray, " triangles"]) -> tuple[float, float]:
    """Mean and standard deviation of texels per metre, weighted by area."""
    area = np.linalg.norm(face_vectors(mesh), axis=1) / 2
    solid = area > 1e-12 * max(mesh.diagonal, 1e-30) ** 2
    if not solid.any():
        return 0.0, 0.0
    density = np.sqrt(np.abs(doubled_texels[solid]) / 2 / area[solid])
    mean = float(np.average(density, weights=area[solid]))
    return mean, float(np.sqrt(np.average((density - mean) ** 2, weights=area[solid])))


def _gutter(charts: Int32[np.ndarray, "height width"]) -> float | None:
    """Fewest empty texels between two charts, from a map of the chart at each texel (-1: none).

    Every empty texel is given to the nearest chart texel; where neighbours were given to different charts, those two texels are measured.
    """
    owner = np.unique(charts[charts >= 0])
    if len(owner) < 2:
        return None
    empty: Bool[np.ndarray, "height width"] = charts < 0
    _, nearest = cv2.distanceTransformWithLabels(empty.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(~empty)
    site = np.zeros((int(nearest.max()) + 1, 3), np.int32)
    site[nearest[rows, columns]] = np.stack([rows, columns, charts[rows, columns]], axis=1)
    here, there = _meetings(site[:, 2][nearest])
    a, b = site[nearest.reshape(-1)[here]], site[nearest.reshape(-1)[there]]
    between = np.maximum(np.abs(a[:, :2] - b[:, :2]) - 1, 0)
    return float(np.sqrt((between.astype(np.int64) ** 2).sum(axis=1)).min())


def _meetings(owner: Int32[np.ndarray, "height width"]) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of neighbouring texels, right and below, that belong to different charts."""
    number = np.arange(owner.size).reshape(owner.shape)
    right, below = owner[:, 1:] != owner[:, :-1], owner[1:] != owner[:-1]
    here = np.concatenate([number[:, :-1][right], number[:-1][below]])
    there = np.concatenate([number[:, 1:][right], number[1:][below]])
    return here, there
