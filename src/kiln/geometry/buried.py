"""How much of a surface lies inside the solid that it bounds: parts that cross, shells in shells, limbs pushed into a body."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.trace import scene_of
from kiln.geometry.vectors import face_vectors, unit_vectors

OFF_SURFACE = 1e-4
"""How far beside a surface its sides are looked at, as a share of the diagonal."""

_SAMPLES = 4000
"""Places at which a surface's sides are looked at: a share is then known to 0.01."""

_MOST_HITS = 32
"""Surfaces that a ray is followed through; a place behind more is deep in a heap."""


def spread_places(mesh: Mesh) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """Middles of triangles in even steps of area, and their normals."""
    area = np.cumsum(triangle_areas(mesh))
    rows = np.searchsorted(area, (np.arange(_SAMPLES) + 0.5) / _SAMPLES * area[-1]).clip(0, mesh.triangle_count - 1)
    return mesh.positions.astype(np.float64)[mesh.triangles[rows]].mean(axis=1), unit_vectors(face_vectors(mesh)[rows])


def buried_share(mesh: Mesh) -> float:
    """Share of a closed, outward mesh's surface whose front lies within it: where a ray along the normal leaves the solid more often than
    it enters. A sound mesh without overlaps has 0. 500k triangles take 0.3 s, most of it for the scene that other stages share.
    """
    places, normals = spread_places(mesh)
    outward, ways = face_vectors(mesh), normals.astype(np.float32)
    step = np.float32(OFF_SURFACE * mesh.diagonal)
    starts = (places + normals * step).astype(np.float32)
    winding, left = np.zeros(len(starts), np.int64), np.arange(len(starts))
    for _ in range(_MOST_HITS):
        hits = scene_of(mesh).closest(starts[left], ways[left])
        left, triangle, distance = left[hits.hit], hits.triangle[hits.hit], hits.distance[hits.hit]
        if not len(left):
            break
        winding[left] += np.sign((outward[triangle] * ways[left]).sum(axis=1)).astype(np.int64)
        starts[left] += ways[left] * (distance + step)[:, None]
    return float((winding > 0).mean())
