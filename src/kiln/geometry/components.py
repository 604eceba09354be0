"""Separate parts of a mesh, and the specks among them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.topology import label_components, point_triangles

_MOST_AREA = 0.1
"""Floaters are specks: when what is small adds up to more than this share of the surface, the mesh is made of small parts."""


def component_sizes(mesh: Mesh, labels: Int32[np.ndarray, " triangles"], count: int) -> Float64[np.ndarray, " components"]:
    """Length of each component's bounding box's diagonal, metres."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for k in range(3):
        corners = mesh.positions[mesh.triangles[:, k]].astype(np.float64)
        np.minimum.at(low, labels, corners)
        np.maximum.at(high, labels, corners)
    return np.linalg.norm(high - low, axis=1)


def drop_floaters(mesh: Mesh, *, share: float) -> tuple[Mesh, int]:
    """The mesh without components smaller than a share of its diagonal, and how many were dropped.

    None is dropped when they make up more than a tenth of the surface.
    """
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces, point_count=point_count)
    if count < 2:
        return mesh, 0
    small = component_sizes(mesh, labels, count) < share * mesh.diagonal
    area = np.bincount(labels, triangle_areas(mesh), minlength=count)
    if not small.any() or area[small].sum() > _MOST_AREA * area.sum():
        return mesh, 0
    return mesh.take_triangles(~small[labels]), int(small.sum())


def largest_parts(mesh: Mesh, *, triangles: int) -> tuple[Mesh, int]:
    """The components of most area that have at most this many triangles together, and how many others were left out.

    The largest one stays whatever it has.
    """
    faces, point_count = point_triangles(mesh)
    labels, count = label_components(faces, point_count=point_count)
    by_area = np.argsort(-np.bincount(labels, triangle_areas(mesh), minlength=count), kind="stable")
    spent = np.cumsum(np.bincount(labels, minlength=count)[by_area])
    kept = np.zeros(count, bool)
    kept[by_area[: max(1, int(np.searchsorted(spent, triangles, side="right")))]] = True
    return mesh.take_triangles(kept[labels]), int(count - kept.sum())
