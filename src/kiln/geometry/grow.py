"""A mesh with more vertices, made of those it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt32

from kiln.asset import Mesh, Projection


def append_means(
    mesh: Mesh,
    vertices: UInt32[np.ndarray, " n"],
    ends: Int64[np.ndarray, " groups_and_one"],
    *,
    weights: Float64[np.ndarray, " n"] | None = None,
) -> Mesh:
    """The mesh with one more vertex for each group vertices[ends[i]:ends[i + 1]]: the mean of their attributes, but seen by nobody.

    Weights, where given, sum to the size of their group. Normals and tangents are left out.
    """
    if len(ends) < 2:
        return mesh

    def grown(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        values = array[vertices].astype(np.float64)
        if weights is not None:
            values *= weights.reshape(-1, *[1] * (array.ndim - 1))
        sums = np.add.reduceat(values, ends[:-1])
        counts = np.diff(ends).reshape(-1, *[1] * (array.ndim - 1))
        means = sums / counts
        return np.concatenate([array, (np.round(means) if array.dtype.kind == "u" else means).astype(array.dtype)])

    return replace(
        mesh,
        positions=grown(mesh.positions),
        normals=None,
        tangents=None,
        uvs=None if mesh.uvs is None else grown(mesh.uvs),
        lightmap_uvs=None if mesh.lightmap_uvs is None else grown(mesh.lightmap_uvs),
        colors=None if mesh.colors is None else grown(mesh.colors),
        seen=None if mesh.seen is None else np.concatenate([mesh.seen, np.zeros(len(ends) - 1, np.float32)]),
        importance=None if mesh.importance is None else grown(mesh.importance),
        projections=tuple(Projection(pixels=p.pixels, uvs=grown(p.uvs), weights=grown(p.weights)) for p in mesh.projections),
    )


def join_meshes(first: Mesh, second: Mesh) -> Mesh:
    """Both meshes as one: the second's vertices and triangles follow the first's. What only one of them carries is left out."""

    def both(ours: np.ndarray | None, theirs: np.ndarray | None) -> np.ndarray | None:
        return None if ours is None or theirs is None else np.concatenate([ours, theirs])

    return Mesh(
        positions=np.concatenate([first.positions, second.positions]),
        triangles=np.concatenate([first.triangles, second.triangles + np.uint32(first.vertex_count)]),
        normals=both(first.normals, second.normals),
        tangents=both(first.tangents, second.tangents),
        uvs=both(first.uvs, second.uvs),
        lightmap_uvs=both(first.lightmap_uvs, second.lightmap_uvs),
        colors=both(first.colors, second.colors),
        seen=both(first.seen, second.seen),
        importance=both(first.importance, second.importance),
        material_ids=both(first.material_ids, second.material_ids),
        projections=tuple(
            Projection(
                pixels=ours.pixels, uvs=np.concatenate([ours.uvs, theirs.uvs]), weights=np.concatenate([ours.weights, theirs.weights])
            )
            for ours, theirs in zip(first.projections, second.projections, strict=True)
        ),
    )
