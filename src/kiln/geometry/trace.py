"""Rays against a mesh, by Intel Embree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float32, Int32

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
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
        TriangleMesh(self._scene, np.array(mesh.positions), mesh.triangles.astype(np.int32))

    def closest(
        self,
        origins: Float32[np.ndarray, "rays 3"],
        directions: Float32[np.ndarray, "rays 3"],
        *,
        max_distance: float = 1e30,
    ) -> Hits:
        """The first hit of each ray within max_distance (lengths of its direction). Both sides of a triangle are hit."""
        reach = np.full(len(origins), max_distance, np.float32)
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
        reach = np.full(len(origins), max_distance, np.float32)
        blocked = np.empty(len(origins), bool)

        def trace(first: int, last: int) -> None:
            rays = slice(first, last)
            blocked[rays] = self._scene.run(origins[rays], directions[rays], dists=reach[rays], query="OCCLUDED") >= 0

        in_threads(trace, len(origins), at_least=10_000)
        return blocked
