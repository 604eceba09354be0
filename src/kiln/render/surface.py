"""What a surface looks like at given points of it: colour, roughness, metal, glow and the fine normal, from whatever the mesh carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from kiln.asset import UNMADE, Material, Mesh, Projection
from kiln.asset.freeze import freeze_arrays
from kiln.geometry.bake import SurfacePoints
from kiln.geometry.normals import with_normals
from kiln.geometry.tangents import add_tangents
from kiln.geometry.vectors import unit_vectors
from kiln.imaging.color import srgb_to_linear
from kiln.kernels.bake import sample_decoded

_BYTES = np.arange(256, dtype=np.uint8)
_PLAIN = _BYTES / np.float32(255)
_SRGB = srgb_to_linear(_BYTES)
_SIGNED = _BYTES / np.float32(127.5) - np.float32(1)

_COLOR = np.stack([_SRGB, _SRGB, _SRGB, _PLAIN])
"""Decodes RGBA: sRGB colour, linear alpha."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Surface:
    """A surface at n points."""

    base_color: Float32[np.ndarray, "n 4"]
    """Linear, straight alpha."""

    orm: Float32[np.ndarray, "n 3"]
    """Occlusion, roughness, metallic, 0 to 1."""

    normal: Float32[np.ndarray, "n 3"]
    """Unit, in space."""

    emissive: Float32[np.ndarray, "n 3"] | None
    """Linear; None when nothing glows."""

    guessed: Float32[np.ndarray, " n"] | None
    """1 where no picture shows the surface; None when nothing was guessed."""

    def __post_init__(self) -> None:
        freeze_arrays(self)


def ready_for_surface(mesh: Mesh, materials: tuple[Material, ...]) -> Mesh:
    """The mesh with normals, and with tangents where a normal map needs them. Triangles keep their order, and their corners theirs."""
    framed = with_normals(mesh)
    mapped = mesh.uvs is not None and any(material.normal is not None for material in materials)
    return add_tangents(framed) if mapped and mesh.tangents is None else framed


def surface_at(mesh: Mesh, materials: tuple[Material, ...], points: SurfacePoints) -> Surface:
    """What the mesh looks like at these points: textures times factors, times the colour that its projections or vertices carry.

    The mesh must come from `ready_for_surface` (ValueError when it has no normals).
    """
    base = _painted(mesh, points)
    orm = np.ones((len(points), 3), np.float32)
    normal = _normals(mesh, points)
    glows = any(any(material.emissive_factor) for material in materials)
    emissive = np.zeros((len(points), 3), np.float32) if glows else None
    uvs = None if mesh.uvs is None else points.take(mesh, mesh.uvs)
    for material, rows in _by_material(mesh, materials, points):
        at = None if uvs is None else uvs[rows]
        base[rows] *= _texture(material.base_color, _COLOR, at) * np.array(material.base_color_factor, np.float32)
        orm[rows] *= _texture(material.orm, _COLOR[3:].repeat(3, 0), at) * _orm_factors(material)
        if emissive is not None:
            emissive[rows] = _texture(material.emissive, _COLOR[:3], at) * np.array(material.emissive_factor, np.float32)
        if material.normal is not None and at is not None and mesh.tangents is not None:
            bend = _texture(material.normal, np.stack([_SIGNED] * 3), at)
            normal[rows] = bent_normals(normal[rows], points[rows].take(mesh, mesh.tangents), bend)
    guessed = None if mesh.seen is None else 1 - points.take(mesh, mesh.seen[:, None])[:, 0]
    return Surface(base_color=base, orm=orm, normal=normal, emissive=emissive, guessed=guessed)


def _orm_factors(material: Material) -> Float32[np.ndarray, " 3"]:
    return np.array([1, material.roughness_factor, material.metallic_factor], np.float32)


def _normals(mesh: Mesh, points: SurfacePoints) -> Float32[np.ndarray, "n 3"]:
    if mesh.normals is None:
        raise ValueError("surface_at: the mesh has no normals, see ready_for_surface")
    return unit_vectors(points.take(mesh, mesh.normals))


def bent_normals(
    normals: Float32[np.ndarray, "n 3"], tangents: Float32[np.ndarray, "n 4"], bend: Float32[np.ndarray, "n 3"]
) -> Float32[np.ndarray, "n 3"]:
    """Unit normals bent by a normal map's directions in their tangent frames, as a MikkTSpace renderer does (glTF 2.0, section 3.9.3)."""
    across = np.cross(normals, tangents[:, :3]) * np.sign(tangents[:, 3:])
    return unit_vectors(bend[:, :1] * tangents[:, :3] + bend[:, 1:2] * across + bend[:, 2:] * normals)


def _by_material(
    mesh: Mesh, materials: tuple[Material, ...], points: SurfacePoints
) -> list[tuple[Material, slice | Int64[np.ndarray, " rows"]]]:
    """Each material with the rows of the points that are made of it."""
    if mesh.material_ids is None or len(materials) <= 1:
        return [(materials[0] if materials else UNMADE, slice(None))]
    ids = mesh.material_ids[points.triangle]
    return [(material, np.flatnonzero(ids == k)) for k, material in enumerate(materials)]


def _texture(
    pixels: UInt8[np.ndarray, "height width channels"] | None,
    decode: Float32[np.ndarray, "channels 256"],
    uvs: Float32[np.ndarray, "n 2"] | None,
) -> Float32[np.ndarray, "rows channels"]:
    """A texture's decoded values at these UVs, tiling; one row of ones when there is none."""
    if pixels is None or uvs is None:
        return np.ones((1, len(decode)), np.float32)
    return _sampled(pixels, decode, uvs, wrap=True)


def _sampled(
    pixels: UInt8[np.ndarray, "height width channels"],
    decode: Float32[np.ndarray, "channels 256"],
    uvs: Float32[np.ndarray, "n 2"],
    *,
    wrap: bool,
) -> Float32[np.ndarray, "n channels"]:
    out = np.empty((len(uvs), len(decode)), np.float32)
    sample_decoded(pixels, decode, np.ascontiguousarray(uvs), wrap, out)
    return out


def _painted(mesh: Mesh, points: SurfacePoints) -> Float32[np.ndarray, "n 4"]:
    """Linear colour from projections, blended in linear light; where none counts from the vertices; white where there is neither."""
    if mesh.colors is None:
        own = np.ones((len(points), 4), np.float32)
    else:
        own = points.take(mesh, np.concatenate([_SRGB[mesh.colors[:, :3]], _PLAIN[mesh.colors[:, 3:]]], axis=1))
    if not mesh.projections:
        return own
    total = np.zeros((len(points), 4), np.float32)
    for projection in mesh.projections:
        _add_projection(mesh, projection, points, total)
    counts = np.flatnonzero(total[:, 3] > 0)
    own[counts, :3] = total[counts, :3] / total[counts, 3:]
    own[counts, 3] = 1
    return own


def _add_projection(mesh: Mesh, projection: Projection, points: SurfacePoints, total: Float32[np.ndarray, "n 4"]) -> None:
    """Add a projection's colour times its weight, and its weight as the fourth channel."""
    at = points.take(mesh, np.concatenate([projection.uvs, projection.weights[:, None]], axis=1))
    rows = np.flatnonzero(at[:, 2] > 0)
    weight = at[rows, 2:]
    color = _sampled(projection.pixels, _COLOR, at[rows, :2], wrap=False)
    total[rows, :3] += color[:, :3] * weight
    total[rows, 3:] += weight
