"""How far a coarser mesh is from the mesh it stands for."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from kiln.asset import Mesh
from kiln.geometry.distance import SampledSurface, spread_points
from kiln.geometry.per_mesh import once_per_mesh

_SAMPLES = 10_000
"""Points spread over each surface beside its vertices; of a box 1 m wide one every 2 cm."""


def deviation(mesh: Mesh, lod: Mesh) -> float:
    """Hausdorff distance between the two surfaces as a share of the mesh's diagonal: the farthest that any point of one is from the other.

    Measured both ways, from the vertices and points spread over the area (as Metro does: Cignoni et al. 1998): only one way, a limb that
    the LOD lost, or a web that it spans between two limbs, would not count. 10k against 5k triangles take 50 ms.
    """
    there = SampledSurface(lod).farthest(surface_points(mesh))
    return max(there, _surface_of(mesh).farthest(surface_points(lod))) / mesh.diagonal


def surface_points(mesh: Mesh, *, samples: int = _SAMPLES) -> Float64[np.ndarray, "points 3"]:
    """The vertices that triangles use, and points spread over the surface."""
    used = np.unique(mesh.triangles)
    return np.concatenate([mesh.positions[used].astype(np.float64), spread_points(mesh, samples)])


_surface_of = once_per_mesh(SampledSurface)
"""Of the finer mesh, since every LOD is measured against it."""
