"""Which texels of an atlas lie side by side on the surface: within islands, and across the seams that cut it into islands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from kiln.asset import Mesh
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.rasterize import Fragments
from kiln.geometry.seams import inner_edges
from kiln.geometry.topology import label_components

_INSIDE = 0.75
"""Texels from a seam towards the middle of its triangle at which the seam's own texels are looked up: on the seam itself, half of all
texels' centres lie beyond it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TexelGraph:
    """The covered texels as nodes, and pairs of them that are neighbours on the surface."""

    size: int
    """Texels on a side of the atlas."""

    texel: Int64[np.ndarray, " nodes"]
    """row * size + column of each node, rising."""

    island: Int32[np.ndarray, " nodes"]
    beside: Int32[np.ndarray, "pairs 2"]
    """Nodes that are neighbours in the atlas, in a row or a column, and lie on one island."""

    across: Int32[np.ndarray, "links 2"]
    """Nodes that face each other across a seam: apart in the atlas, side by side in space. None is there twice."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    def __len__(self) -> int:
        return len(self.texel)

    @property
    def pairs(self) -> Int32[np.ndarray, "pairs_and_links 2"]:
        """All neighbours."""
        return np.concatenate([self.beside, self.across])

    @property
    def cells(self) -> Int64[np.ndarray, "nodes 3"]:
        """Island, row and column of each node."""
        return np.stack([self.island.astype(np.int64), *np.divmod(self.texel, self.size)], axis=1)


def texel_graph(mesh: Mesh, fragments: Fragments) -> TexelGraph:
    """The graph of the texels that `rasterize_uvs(mesh)` found covered, in a square atlas. Across each seam, texels are linked at every
    texel's step along it. ValueError when the mesh has no UVs.
    """
    if mesh.uvs is None:
        raise ValueError("texel_graph: the mesh has no UVs")
    size = len(fragments.triangle)
    covered = fragments.triangle >= 0
    texel = np.flatnonzero(covered.reshape(-1))
    number = np.full((size, size), -1, np.int32)
    number.reshape(-1)[texel] = np.arange(len(texel), dtype=np.int32)
    islands, _ = label_components(mesh.triangles.astype(np.int32), point_count=mesh.vertex_count)
    island = islands[fragments.triangle.reshape(-1)[texel]]
    return TexelGraph(size=size, texel=texel, island=island, beside=_beside(number, island), across=_across(mesh, number))


def _beside(number: Int32[np.ndarray, "size size"], island: Int32[np.ndarray, " nodes"]) -> Int32[np.ndarray, "pairs 2"]:
    def joined(a: Int32[np.ndarray, "h w"], b: Int32[np.ndarray, "h w"]) -> Int32[np.ndarray, "pairs 2"]:
        both = (a >= 0) & (b >= 0)
        a, b = a[both], b[both]
        one = island[a] == island[b]
        return np.stack([a[one], b[one]], axis=1)

    return np.concatenate([joined(number[:, :-1], number[:, 1:]), joined(number[:-1], number[1:])])


def _across(mesh: Mesh, number: Int32[np.ndarray, "size size"]) -> Int32[np.ndarray, "links 2"]:
    ends, inner, steps = _seams(mesh, len(number))
    edge = np.repeat(np.arange(len(steps)), steps)
    share = ((np.arange(len(edge)) - np.repeat(np.cumsum(steps) - steps, steps) + 0.5) / steps[edge])[:, None, None]
    at = ends[edge, 0] * (1 - share) + ends[edge, 1] * share
    inward = inner[edge] - at
    at += _INSIDE * inward / np.maximum(np.linalg.norm(inward, axis=2, keepdims=True), _INSIDE)
    column, row = np.moveaxis(np.clip(at.astype(np.int64), 0, len(number) - 1), 2, 0)
    links = number[row, column]
    return np.unique(np.sort(links[_apart(links)], axis=1), axis=0)


def _apart(links: Int32[np.ndarray, "links 2"]) -> Bool[np.ndarray, " links"]:
    return (links[:, 0] >= 0) & (links[:, 1] >= 0) & (links[:, 0] != links[:, 1])


def _seams(
    mesh: Mesh, size: int
) -> tuple[Float64[np.ndarray, "seams 2 2 2"], Float64[np.ndarray, "seams 2 2"], Int64[np.ndarray, " seams"]]:
    """Of each seam: [end, side] where it lies in the atlas, where the middles of both sides' triangles do, and its length, in texels."""
    edges = inner_edges(mesh)
    corners = mesh.uvs[mesh.triangles].astype(np.float64) * size if mesh.uvs is not None else np.empty((0, 3, 2))
    vertex = mesh.triangles.reshape(-1)[edges.corners]
    seam = np.flatnonzero((vertex[:, :, 0] != vertex[:, :, 1]).any(axis=1))
    ends = corners.reshape(-1, 2)[edges.corners[seam]]
    inner = corners.mean(axis=1)[edges.triangles[seam]]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=2).max(axis=1)
    return ends, inner, np.maximum(np.ceil(length), 1).astype(np.int64)
