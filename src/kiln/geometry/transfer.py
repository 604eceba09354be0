"""What one surface carries, laid onto another one that runs along it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Shaped

from kiln.asset import Mesh, Projection
from kiln.geometry.grow import join_meshes
from kiln.geometry.topology import label_components
from kiln.geometry.triangle_tree import Nearest, TriangleTree
from kiln.kernels.weld import equal_rows

_STRAY = 2.0
"""A corner's own UV is taken where it lies no further from the one that its triangle's plane gives than this many times the UV length of
the triangle's longest edge there; else a seam runs between them."""


def with_attributes_of(surface: Mesh, source: Mesh, tree: TriangleTree) -> Mesh:
    """The surface with the source's colours, UVs, material ids, seen, importance and projections; `tree` is the source's.

    Each vertex takes what lies at the source's nearest place. UVs are one chart's within a triangle: the one nearest to its middle, whose
    plane is continued where a corner lies on another chart; there vertices are split. Normals and tangents are left out.
    """
    nearest = tree.nearest(surface.positions.astype(np.float64))
    has_charts = not (source.uvs is None and source.lightmap_uvs is None and source.material_ids is None)
    middles = surface.positions.astype(np.float64)[surface.triangles if has_charts else surface.triangles[:0]].mean(axis=1)
    owner = tree.nearest(middles).triangle

    def taken(array: Shaped[np.ndarray, "..."] | None) -> Shaped[np.ndarray, "..."] | None:
        return None if array is None else _at(array, source, nearest)

    dressed = replace(
        surface,
        colors=taken(source.colors),
        seen=taken(source.seen),
        importance=taken(source.importance),
        material_ids=None if source.material_ids is None else source.material_ids[owner],
        projections=tuple(
            Projection(pixels=p.pixels, uvs=_at(p.uvs, source, nearest), weights=_at(p.weights, source, nearest))
            for p in source.projections
        ),
    )
    if source.uvs is None and source.lightmap_uvs is None:
        return dressed
    uvs, lightmap = (
        None if layer is None else _corner_uvs(layer, surface, source, nearest, owner) for layer in (source.uvs, source.lightmap_uvs)
    )
    return _split(dressed, uvs, lightmap)


def with_uvs_continued(mesh: Mesh, source: Mesh, *, first: int) -> Mesh:
    """The mesh with its triangles from `first` on, patches over holes of `source`, laid onto the charts beside them.

    A patch that takes its rim's UVs as they are spans the atlas from one chart to another wherever a seam runs into the hole.
    """
    if source.uvs is None or _charts(source.uvs, source).max(initial=0) == 0:
        return mesh
    patch = replace(mesh.take_triangles(np.arange(first, mesh.triangle_count)), normals=None, tangents=None)
    tree = TriangleTree(source)
    nearest = tree.nearest(patch.positions.astype(np.float64))
    owner = tree.nearest(patch.positions.astype(np.float64)[patch.triangles].mean(axis=1)).triangle
    layers = (None if layer is None else _corner_uvs(layer, patch, source, nearest, owner) for layer in (source.uvs, source.lightmap_uvs))
    return join_meshes(mesh.take_triangles(np.arange(first)), _split(patch, *layers))


def _at(array: Shaped[np.ndarray, "vertices ..."], source: Mesh, nearest: Nearest) -> Shaped[np.ndarray, "points ..."]:
    """A vertex attribute of the source at each nearest place, linear over the triangle."""
    corners = source.triangles[nearest.triangle]
    bary = nearest.bary.astype(np.float32)
    weights = np.stack([1 - bary.sum(axis=1), bary[:, 0], bary[:, 1]])
    shape = (-1, *[1] * (array.ndim - 1))
    mixed = sum(array[corners[:, k]].astype(np.float32) * weights[k].reshape(shape) for k in range(3))
    return (np.round(mixed) if array.dtype.kind == "u" else mixed).astype(array.dtype)


def _corner_uvs(
    layer: Float32[np.ndarray, "vertices 2"], surface: Mesh, source: Mesh, nearest: Nearest, owner: Int32[np.ndarray, " triangles"]
) -> Float32[np.ndarray, "triangles 3 2"]:
    """Each corner's UV: the one at its own place on the source where that is on the chart of its triangle, else that chart continued."""
    own = _at(layer, source, nearest)[surface.triangles]
    continued = _continued(layer, surface, source, owner)
    charts = _charts(layer, source)
    same = charts[nearest.triangle][surface.triangles] == charts[owner][:, None]
    length = np.linalg.norm(continued - np.roll(continued, 1, axis=1), axis=2).max(axis=1)
    stray = np.linalg.norm(own - continued, axis=2) > _STRAY * length[:, None]
    return np.where((same & ~stray)[:, :, None], own, continued)


def _charts(layer: Float32[np.ndarray, "vertices 2"], source: Mesh) -> Int32[np.ndarray, " triangles"]:
    """The chart that each of the source's triangles is on: triangles that share a place and a UV."""
    classes, count = equal_rows(np.concatenate([source.positions, layer], axis=1))
    return label_components(classes.astype(np.int32)[source.triangles], point_count=count)[0]


def _continued(
    layer: Float32[np.ndarray, "vertices 2"], surface: Mesh, source: Mesh, owner: Int32[np.ndarray, " triangles"]
) -> Float32[np.ndarray, "triangles 3 2"]:
    """The UVs of each triangle's corners in the plane of its nearest triangle of the source."""
    a, b, c = (source.positions.astype(np.float64)[source.triangles[owner, k]] for k in range(3))
    uv = layer.astype(np.float64)[source.triangles[owner]]
    second, third = _plane_weights(surface.positions.astype(np.float64)[surface.triangles] - a[:, None], b - a, c - a)
    mixed = uv[:, :1] + second[:, :, None] * (uv[:, 1:2] - uv[:, :1]) + third[:, :, None] * (uv[:, 2:] - uv[:, :1])
    return mixed.astype(np.float32)


def _plane_weights(
    points: Float64[np.ndarray, "n 3 3"], u: Float64[np.ndarray, "n 3"], v: Float64[np.ndarray, "n 3"]
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """How many u and v lead to each point's foot on their plane; 0 where they span none."""
    uu, uv, vv = (np.einsum("ij,ij->i", x, y)[:, None] for x, y in ((u, u), (u, v), (v, v)))
    pu, pv = np.einsum("ikj,ij->ik", points, u), np.einsum("ikj,ij->ik", points, v)
    square = uu * vv - uv * uv
    flat: Bool[np.ndarray, "n 1"] = square <= 1e-12 * uu * vv
    whole = np.where(flat, np.inf, square)
    return (pu * vv - pv * uv) / whole, (pv * uu - pu * uv) / whole


def _split(mesh: Mesh, uvs: Float32[np.ndarray, "triangles 3 2"] | None, lightmap: Float32[np.ndarray, "triangles 3 2"] | None) -> Mesh:
    """The mesh with a vertex for each different set of UVs that corners at one vertex have."""
    layers = [layer.reshape(-1, 2) for layer in (uvs, lightmap) if layer is not None]
    corners = mesh.triangles.reshape(-1)
    rows = np.concatenate([corners.astype(np.int32).view(np.float32)[:, None], *layers], axis=1)
    classes, count = equal_rows(rows)
    first = np.empty(count, np.int64)
    first[classes[::-1]] = np.arange(len(classes))[::-1]
    split = mesh.take_vertices(corners[first], classes.reshape(-1, 3).astype(np.uint32))
    return replace(
        split,
        uvs=None if uvs is None else uvs.reshape(-1, 2)[first],
        lightmap_uvs=None if lightmap is None else lightmap.reshape(-1, 2)[first],
    )
