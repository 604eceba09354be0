"""On which side of a mesh's surface points are, and about how far from it: what is asked ten thousand times in a search."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.distance import spread_points
from kiln.geometry.trace import Scene
from kiln.geometry.vectors import face_vectors

_WAYS = np.array([(0.31, 0.90, 0.30), (-0.83, 0.21, 0.52), (0.42, -0.57, -0.71)], np.float32)
"""Directions to look into from a point to tell whether it is inside; two of the three decide. Along no axis, where edges line up."""

_SAMPLES = 4000
"""Points on the surface that distances are measured to: of a shape as large as its box they are a sixtieth of its extent apart."""

_NEAR_ENOUGH = 0.1
"""Of a distance, that it may be too large by: half as long a search."""


class Sides:
    """Tells which points are inside a mesh, closed or not."""

    def __init__(self, mesh: Mesh) -> None:
        self._scene = Scene(mesh)
        self._normals = face_vectors(mesh)

    def inside(self, points: Float64[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Whether most rays from a point meet the mesh's back first."""
        hits = self._scene.closest(np.tile(points.astype(np.float32), (3, 1)), np.repeat(_WAYS, len(points), axis=0))
        backs = hits.hit & (np.einsum("ij,ij->i", self._normals[hits.triangle], np.repeat(_WAYS, len(points), axis=0)) > 0)
        return backs.reshape(3, -1).sum(axis=0) >= 2


class Heights:
    """A mesh's signed distance, roughly and quickly: to the nearest of many points on it. 10,000 points take 20 ms."""

    def __init__(self, mesh: Mesh) -> None:
        self._sides = Sides(mesh)
        self.surface = np.concatenate([mesh.positions[np.unique(mesh.triangles)].astype(np.float64), spread_points(mesh, _SAMPLES)])
        self._tree = cKDTree(self.surface, balanced_tree=False, compact_nodes=False)

    def __call__(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
        """How far each point is above the surface, metres; negative inside."""
        away = self.away(points)
        return np.where(self._sides.inside(points), -away, away)

    def away(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
        """How far each point is from the surface on either side, metres: half as long to find."""
        return np.asarray(self._tree.query(points, eps=_NEAR_ENOUGH)[0])
