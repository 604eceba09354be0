"""Rays against a mesh, by Intel Embree."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.per_mesh import once_per_mesh
from kiln.kernels import in_threads


@dataclass(frozen=True, eq=False, kw_only=True)
class Hits:
    """The first triangle each ray meets."""

    triangle: Int32[np.ndarray, " rays"]
    """-1 for a miss."""

    bary: Float32[np.ndarray, "rays 2"]
    """Weights of the triangle's second and third corner; the first has the rest."""

    distance: Float32[np.ndarray, " rays"]
    """Along the ray, in lengths of its direction; meaningless for a miss."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def hit(self) -> Bool[np.ndarray, " rays"]:
        """Which rays met something."""
        return self.triangle >= 0


class Scene:
    """A mesh made ready for rays. Building takes about 1 s per million triangles; order rays so that neighbours are coherent."""

    def __init__(self, mesh: Mesh) -> None:
        self._scene = EmbreeScene()
        self._scale, self._offset = np.float32(1), np.zeros(3, np.float32)
        TriangleMesh(self._scene, np.array(mesh.positions), mesh.triangles.astype(np.int32))

    def moved(self, *, scale: float, offset: Float32[np.ndarray, " 3"]) -> Scene:
        """The scene of the mesh scaled about the origin, then shifted, sharing this one's memory: rays are moved back instead."""
        scene = copy(self)
        scene._scale, scene._offset = self._scale * np.float32(scale), self._offset * np.float32(scale) + offset
        return scene

    def _home(
        self, origins: Float32[np.ndarray, "rays 3"], directions: Float32[np.ndarray, "rays 3"]
    ) -> tuple[Float32[np.ndarray, "rays 3"], Float32[np.ndarray, "rays 3"]]:
        """The rays where the mesh was when its scene was built; distances, in lengths of the direction, are the same there."""
        if self._scale == 1 and not self._offset.any():
            return origins, directions
        return (origins - self._offset) / self._scale, directions / self._scale

    def closest(
        self,
        origins: Float32[np.ndarray, "rays 3"],
        directions: Float32[np.ndarray, "rays 3"],
        *,
        max_distance: float | Float32[np.ndarray, " rays"] = 1e30,
    ) -> Hits:
        """The first hit of each ray within max_distance (lengths of its direction). Both sides of a triangle are hit."""
        origins, directions = self._home(origins, directions)
        reach = np.array(np.broadcast_to(np.asarray(max_distance, np.float32), len(origins)))
        triangle = np.empty(len(origins), np.int32)
        bary = np.empty((len(origins), 2), np.float32)
        distance = np.empty(len(origins), np.float32)

        def trace(first: int, last: int) -> None:
            rays = slice(first, last)
            found = self._scene.run(origins[rays], directions[rays], dists=reach[rays], query="INTERSECT", output=True)
            triangle[rays], bary[rays, 0], bary[rays, 1] = found["primID"], found["u"], found["v"]
            distance[rays] = found["tfar"]

        in_threads(trace, len(origins), at_least=10_000)
        return Hits(triangle=triangle, bary=bary, distance=distance)

    def occluded(
        self,
        origins: Float32[np.ndarray, "rays 3"],
        directions: Float32[np.ndarray, "rays 3"],
        *,
        max_distance: float = 1e30,
    ) -> Bool[np.ndarray, " rays"]:
        """Whether anything lies on each ray within max_distance."""
        origins, directions = self._home(origins, directions)
        reach = np.full(len(origins), max_distance, np.float32)
        blocked = np.empty(len(origins), bool)

        def trace(first: int, last: int) -> None:
            rays = slice(first, last)
            blocked[rays] = self._scene.run(origins[rays], directions[rays], dists=reach[rays], query="OCCLUDED") >= 0

        in_threads(trace, len(origins), at_least=10_000)
        return blocked


scene_of = once_per_mesh(Scene)
"""The mesh's Scene, built once while the mesh lives: stages and measures that look at one mesh share it."""
