"""An atlas read as a surface: its maps as values at places on the mesh, and back into maps that are filled to their last texel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.areas import triangle_areas
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.rasterize import rasterize_uvs
from kiln.geometry.texel_graph import TexelGraph, texel_graph
from kiln.imaging.dilate import nearest_covered


@dataclass(frozen=True, eq=False, kw_only=True)
class Atlas:
    """The texels that a mesh's islands cover in a square map."""

    graph: TexelGraph
    places: SurfacePoints
    """Each node's point on the mesh."""

    texel: float
    """Side of a texel on the surface, metres."""

    owner: Int64[np.ndarray, "size size"]
    """The node that each texel of the map shows: its own, or between islands the nearest."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def read(self, pixels: Shaped[np.ndarray, "size size *channels"]) -> Shaped[np.ndarray, "nodes *channels"]:
        """A map's values at the nodes."""
        return pixels.reshape(-1, *pixels.shape[2:])[self.graph.texel]

    def spread(self, values: Shaped[np.ndarray, "nodes *channels"]) -> Shaped[np.ndarray, "size size *channels"]:
        """The map with these values at its nodes."""
        return values[self.owner]

    def across_seams(self, values: Float[np.ndarray, "nodes channels"], *, of: Bool[np.ndarray, " nodes"]) -> float:
        """Mean difference of values, over all channels, between the two sides of the seams of which one side at least is among these nodes;
        0 where there is none."""
        first, second = self.graph.across[of[self.graph.across].any(axis=1)].T
        return float(np.abs(values[first] - values[second]).mean()) if len(first) else 0.0


def lay_out(mesh: Mesh, *, size: int) -> Atlas:
    """The mesh's atlas at size x size texels. ValueError when the mesh has no UVs, or they cover nothing."""
    fragments = rasterize_uvs(mesh, width=size, height=size)
    graph = texel_graph(mesh, fragments)
    if not len(graph):
        raise ValueError("lay_out: the mesh's UVs cover no texel")
    places = SurfacePoints(triangle=fragments.triangle.reshape(-1)[graph.texel], bary=fragments.bary.reshape(-1, 2)[graph.texel])
    number = np.zeros(size * size, np.int64)
    number[graph.texel] = np.arange(len(graph))
    owner = number[nearest_covered(fragments.triangle >= 0)]
    texel = math.sqrt(float(triangle_areas(mesh).sum()) / len(graph))
    return Atlas(graph=graph, places=places, texel=texel, owner=owner)
