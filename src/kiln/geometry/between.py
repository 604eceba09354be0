"""New vertices on the edges of a mesh, carrying what lies between those of their ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from kiln.asset import Mesh
from kiln.asset.srgb import decode_srgb, encode_srgb
from kiln.geometry.vectors import unit_vectors


def with_vertices_between(
    mesh: Mesh, first: Int64[np.ndarray, " new"], second: Int64[np.ndarray, " new"], share: Float64[np.ndarray, " new"]
) -> Mesh:
    """The mesh with a vertex more for each pair: at this share (0 to 1) of the way from the first to the second, in every attribute.

    Triangles are as they were; tangents are dropped, since they depend on triangles.
    """
    ends = mesh.take_vertices(np.concatenate([np.arange(mesh.vertex_count), first, second]), mesh.triangles)
    count, new = mesh.vertex_count, len(first)

    def blend(values: np.ndarray) -> np.ndarray:
        a, b = values[count : count + new], values[count + new :]
        t = share.reshape(-1, *[1] * (values.ndim - 1))
        middle = _blend_colors(a, b, t) if values.dtype == np.uint8 else (a + t * (b.astype(np.float64) - a)).astype(np.float32)
        return np.concatenate([values[:count], middle])

    def blend_any(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else blend(values)

    return replace(
        ends,
        positions=blend(ends.positions),
        normals=None if ends.normals is None else unit_vectors(blend(ends.normals)),
        tangents=None,
        uvs=blend_any(ends.uvs),
        lightmap_uvs=blend_any(ends.lightmap_uvs),
        colors=blend_any(ends.colors),
        seen=blend_any(ends.seen),
        importance=blend_any(ends.importance),
        projections=tuple(replace(p, uvs=blend(p.uvs), weights=blend(p.weights)) for p in ends.projections),
    )


def _blend_colors(
    a: UInt8[np.ndarray, "new 4"], b: UInt8[np.ndarray, "new 4"], share: Float64[np.ndarray, "new 1"]
) -> UInt8[np.ndarray, "new 4"]:
    """sRGB-encoded colours blended in linear light; alpha is linear as it is."""
    linear = [np.concatenate([decode_srgb(c[:, :3] / 255), c[:, 3:] / 255], axis=1) for c in (a, b)]
    mixed = linear[0] + share * (linear[1] - linear[0])
    return np.round(255 * np.concatenate([encode_srgb(mixed[:, :3]), mixed[:, 3:]], axis=1)).astype(np.uint8)
