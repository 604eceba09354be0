"""What a surface looks like at given points of it: colour, roughness, metal, glow and the fine normal, from whatever the mesh carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from kiln.asset import Material, Mesh, Projection
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.tangents import add_tangents
from kiln.imaging.color import srgb_to_linear
from kiln.imaging.sample import sample_bilinear

_PLAIN = Material(roughness_factor=0.9, metallic_factor=0.0)
"""What a mesh without materials is made of."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Surface:
    """A surface at n points."""

    base_color: Float32[np.ndarray, "n 4"]
    """Linear, straight alpha."""

    orm: Float32[np.ndarray, "n 3"]
    """Occlusion, roughness, metallic, 0 to 1."""

    emissive: Float32[np.ndarray, "n 3"] | None
    """Linear; None when nothing glows."""

    guessed: Float32[np.ndarray, " n"] | None
    """1 where no picture shows the surface; None when nothing was guessed."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def surface_at(mesh: Mesh, materials: tuple[Material, ...], points: SurfacePoints) -> Surface:
    """What the mesh looks like at these points of it: textures times factors, times the colour that its vertices or projections carry."""
    color = _vertex_color(mesh, points)
    base = np.ones((len(points), 4), np.float32) if color is None else color
    orm = np.ones((len(points), 3), np.float32)
    glows = any(any(m.emissive_factor) for m in materials)
    emissive = np.zeros((len(points), 3), np.float32) if glows else None
    uvs = None if mesh.uvs is None else points.take(mesh, mesh.uvs)
    for material, rows in _by_material(mesh, materials, points):
        at = None if uvs is None else uvs[rows]
        base[rows] *= _texture(material.base_color, at, srgb=True) * np.array(material.base_color_factor, np.float32)
        orm[rows] *= _texture(material.orm, at) * np.array([1, material.roughness_factor, material.metallic_factor], np.float32)
        if emissive is not None:
            emissive[rows] = _texture(material.emissive, at, srgb=True) * np.array(material.emissive_factor, np.float32)
    guessed = None if mesh.seen is None else 1 - points.take(mesh, mesh.seen[:, None])[:, 0]
    return Surface(base_color=base, orm=orm, emissive=emissive, guessed=guessed)


def with_normal_frames(mesh: Mesh, materials: tuple[Material, ...]) -> Mesh:
    """The mesh with tangents where a material's normal map needs them; otherwise as it is. The triangles keep their order and corners."""
    needs = any(m.normal is not None for m in materials) and mesh.uvs is not None and mesh.normals is not None
    return add_tangents(mesh) if needs and mesh.tangents is None else mesh


def normals_at(mesh: Mesh, materials: tuple[Material, ...], points: SurfacePoints) -> Float32[np.ndarray, "n 3"]:
    """Unit normals in space: the vertices' own, bent by the normal maps where the mesh has tangents. The mesh must have normals."""
    if mesh.normals is None:
        raise ValueError("normals_at: the mesh has no normals")
    normals = _unit(points.take(mesh, mesh.normals))
    if mesh.tangents is None or mesh.uvs is None:
        return normals
    tangents = points.take(mesh, mesh.tangents)
    uvs = points.take(mesh, mesh.uvs)
    for material, rows in _by_material(mesh, materials, points):
        if material.normal is not None:
            bent = sample_bilinear(material.normal, uvs[rows], wrap=True) / np.float32(127.5) - 1
            across = np.cross(normals[rows], tangents[rows, :3]) * np.sign(tangents[rows, 3:])
            normals[rows] = _unit(bent[:, :1] * tangents[rows, :3] + bent[:, 1:2] * across + bent[:, 2:] * normals[rows])
    return normals


def _unit(vectors: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    return vectors / np.maximum(np.sqrt(np.einsum("nk,nk->n", vectors, vectors))[:, None], np.float32(1e-20))


def _by_material(
    mesh: Mesh, materials: tuple[Material, ...], points: SurfacePoints
) -> list[tuple[Material, slice | Int64[np.ndarray, " rows"]]]:
    """Each material with the rows of the points that are made of it."""
    if mesh.material_ids is None or len(materials) <= 1:
        return [(materials[0] if materials else _PLAIN, slice(None))]
    ids = mesh.material_ids[points.triangle]
    return [(material, np.flatnonzero(ids == k)) for k, material in enumerate(materials)]


def _texture(pixels: np.ndarray | None, uvs: Float32[np.ndarray, "n 2"] | None, *, srgb: bool = False) -> Float32[np.ndarray, "..."]:
    """A texture's linear values, 0 to 1, at these UVs, tiling; ones when there is none."""
    if pixels is None or uvs is None:
        return np.ones((1, 1), np.float32)
    if not srgb:
        return sample_bilinear(pixels, uvs, wrap=True) / np.float32(255)
    return sample_bilinear(_linear(pixels), uvs, wrap=True)


def _linear(pixels: np.ndarray) -> Float32[np.ndarray, "height width channels"]:
    """An sRGB-encoded picture in linear light; a fourth channel, alpha, is only scaled to 0..1."""
    linear = srgb_to_linear(pixels)
    if pixels.shape[2] == 4:
        linear[..., 3] = pixels[..., 3] / np.float32(255)
    return linear


def _vertex_color(mesh: Mesh, points: SurfacePoints) -> Float32[np.ndarray, "n 4"] | None:
    """Linear colour from projections, blended in linear light; vertex colours stand in where none counts. None if the mesh has neither."""
    own = None if mesh.colors is None else points.take(mesh, _linear(mesh.colors[None])[0])
    if not mesh.projections:
        return own
    total = np.zeros((len(points), 4), np.float32)
    weight = np.zeros((len(points), 1), np.float32)
    for projection in mesh.projections:
        _add_projection(mesh, projection, points, total, weight)
    painted = weight[:, 0] > 0
    blended = np.divide(total, weight, out=np.ones_like(total), where=weight > 0)
    blended[:, 3] = 1
    return blended if own is None else np.where(painted[:, None], blended, own)


def _add_projection(
    mesh: Mesh,
    projection: Projection,
    points: SurfacePoints,
    total: Float32[np.ndarray, "n 4"],
    weight: Float32[np.ndarray, "n 1"],
) -> None:
    """Add a projection's colour times its weight, where it has any."""
    at = points.take(mesh, np.hstack([projection.uvs, projection.weights[:, None]]))
    counts: Bool[np.ndarray, " n"] = at[:, 2] > 0
    rows = slice(None) if counts.all() else np.flatnonzero(counts)
    total[rows] += sample_bilinear(_linear(projection.pixels), at[rows, :2]) * at[rows, 2:]
    weight[rows] += at[rows, 2:]
