"""Parts that hung on a shape only by what a cut took away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.components import component_sizes
from kiln.geometry.topology import label_components, point_triangles


@dataclass(frozen=True, kw_only=True)
class CutLoose:
    """What was left out."""

    parts: int
    largest: float
    """Its size as a share of the whole mesh's, both measured as the bounding box's diagonal; 0 without parts."""


def without_cut_loose(made: Mesh, whole: Mesh, owners: Int64[np.ndarray, " triangles"]) -> tuple[Mesh, CutLoose]:
    """The mesh without parts that hung together with a larger one in the whole mesh; `owners` are the triangles of it that its own were of.

    Parts that have triangles of the same owners are images of each other and stay or go together, and what was a part of its own before
    stays. Parts are told apart by welded points, so those that join at a seam are one.
    """
    faces, points = point_triangles(made)
    labels, count = label_components(faces, point_count=points)
    loose = _is_loose(made, whole, owners, labels, count)
    if not loose.any():
        return made, CutLoose(parts=0, largest=0.0)
    largest = float(component_sizes(made, labels, count)[loose].max()) / whole.diagonal
    return made.take_triangles(~loose[labels]), CutLoose(parts=int(loose.sum()), largest=largest)


def _is_loose(
    made: Mesh, whole: Mesh, owners: Int64[np.ndarray, " triangles"], labels: Int32[np.ndarray, " triangles"], count: int
) -> Bool[np.ndarray, " parts"]:
    """Which parts are not images of the largest one of the whole mesh's component that they came from."""
    faces, points = point_triangles(whole)
    before, _ = label_components(faces, point_count=points)
    first = np.full(count, whole.triangle_count)
    np.minimum.at(first, labels, owners)
    came_from = before[first]
    areas: Float64[np.ndarray, " parts"] = np.bincount(labels, triangle_areas(made), minlength=count)
    order = np.argsort(-areas, kind="stable")
    _, at = np.unique(came_from[order], return_index=True)
    kept = np.full(int(before.max()) + 1, -1)
    kept[came_from[order[at]]] = first[order[at]]
    return first != kept[came_from]
