"""A material without the light that was baked into its base colour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from kiln.asset import Material, Mesh
from kiln.geometry.diffuse import blocks_of
from kiln.geometry.vectors import unit_vectors
from kiln.imaging.color import srgb_to_linear
from kiln.imaging.delight import LUMINANCE, fit_light, light_at, light_basis, without_light
from kiln.render.atlas import Atlas, lay_out
from kiln.render.surface import bent_normals

_CELLS = 256
"""Cells along the map's side over which colour and shape are averaged before light is fitted: evens out grain and rounding to bytes."""

_METAL = 64
"""Metallic, of 255, from which on colour is no paint but reflection, and is left alone."""

_UNCHANGED = 8192
"""The value of the map of light that means no change; its light is value / 8192, 0 to 8."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Delit:
    """What was found and done."""

    material: Material
    """Its extras hold `baked_light` (h, w), linear, 16 bit: the light that was divided out, 8192 being none. Base colour times it is, up to
    one factor and where no limit was met, what it was before."""

    before: float
    """Share of the variance of the colours' log luminance that light makes up, 0 to 1."""

    after: float
    """The same of the result, found anew."""

    darkest: float
    """Of the light, 1 being its mean, at the 2nd percentile."""

    brightest: float
    """At the 98th."""


def remove_light(mesh: Mesh, material: Material, *, strength: float) -> Delit:
    """Divide a share (0 to 1) of the light that the mesh's shape explains out of the material's base colour; metal and glow are left alone.

    ValueError when the mesh has no UVs or normals or the material no base colour.
    """
    if material.base_color is None or mesh.normals is None:
        raise ValueError("remove_light: the mesh has no normals, or the material no base colour")
    atlas = lay_out(mesh, size=len(material.base_color))
    basis, matt = _basis(mesh, material, atlas), _is_matt(material, atlas)
    pixels = atlas.read(material.base_color).copy()
    light = _light(pixels[:, :3], basis, matt, atlas)
    before = _share(pixels[matt, :3], light[matt])
    pixels[matt, :3] = without_light(pixels[matt, :3], light[matt], strength=strength)
    after = _share(pixels[matt, :3], _light(pixels[:, :3], basis, matt, atlas)[matt])
    removed = np.where(matt, light**strength, 1)
    taken = np.clip(np.round(removed * _UNCHANGED), 0, 65535).astype(np.uint16)
    extras = {**material.extras, "baked_light": atlas.spread(taken)}
    dark, bright = np.percentile(light, (2, 98))
    delit = replace(material, base_color=atlas.spread(pixels), extras=extras)
    return Delit(material=delit, before=before, after=after, darkest=float(dark), brightest=float(bright))


def _basis(mesh: Mesh, material: Material, atlas: Atlas) -> Float64[np.ndarray, "nodes 9"]:
    """What light may depend on, at each texel."""
    normals = _normals(mesh, material, atlas)
    openness = np.ones(len(atlas.graph), np.float32)
    if material.orm is not None and len(material.orm) == atlas.graph.size:
        openness = (atlas.read(material.orm)[:, 0] / 255).astype(np.float32)
    return light_basis(normals, openness)


def _normals(mesh: Mesh, material: Material, atlas: Atlas) -> Float32[np.ndarray, "nodes 3"]:
    """Unit normals, bent by the normal map where it has the atlas's size: light was baked on the dense source's relief."""
    if mesh.normals is None:
        return np.zeros((len(atlas.graph), 3), np.float32)
    normals = unit_vectors(atlas.places.take(mesh, mesh.normals))
    if material.normal is None or mesh.tangents is None or len(material.normal) != atlas.graph.size:
        return normals
    bend = atlas.read(material.normal) / np.float32(127.5) - np.float32(1)
    return bent_normals(normals, atlas.places.take(mesh, mesh.tangents), bend)


def _is_matt(material: Material, atlas: Atlas) -> Bool[np.ndarray, " nodes"]:
    matt = np.full(len(atlas.graph), material.metallic_factor * 255 < _METAL or material.orm is not None)
    if material.orm is not None and len(material.orm) == atlas.graph.size:
        matt &= atlas.read(material.orm)[:, 2] * material.metallic_factor < _METAL
    if material.emissive is not None and any(material.emissive_factor) and len(material.emissive) == atlas.graph.size:
        matt &= atlas.read(material.emissive).max(axis=1) < _METAL
    return matt


def _light(
    color: np.ndarray, basis: Float64[np.ndarray, "nodes 9"], matt: Bool[np.ndarray, " nodes"], atlas: Atlas
) -> Float32[np.ndarray, " nodes"]:
    """The light at each texel, fitted to means over cells that are matt throughout."""
    step = max(1, atlas.graph.size // _CELLS)
    cells = atlas.graph.cells
    _, cell = blocks_of(np.column_stack([cells[:, 0], cells[:, 1:] // step]))
    count = np.bincount(cell)

    def means(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(cell, channel) for channel in values.T], axis=1) / count[:, None]

    whole = means(matt[:, None].astype(np.float64))[:, 0] == 1
    pairs = _neighbours(atlas, cell, whole)
    found = fit_light(means(srgb_to_linear(color)).astype(np.float32), means(basis), pairs)
    return light_at(basis, found)


def _neighbours(atlas: Atlas, cell: np.ndarray, whole: Bool[np.ndarray, " cells"]) -> Int32[np.ndarray, "pairs 2"]:
    """Cells side by side, in the atlas or across a seam, each pair once."""
    pairs = cell[atlas.graph.pairs]
    pairs = np.sort(pairs[(pairs[:, 0] != pairs[:, 1]) & whole[pairs].all(axis=1)], axis=1)
    key = np.unique(pairs[:, 0] * len(whole) + pairs[:, 1])
    return np.stack(np.divmod(key, len(whole)), axis=1).astype(np.int32)


def _share(color: np.ndarray, light: Float32[np.ndarray, " n"]) -> float:
    """Share of the variance of log luminance that light makes up, at most 1."""
    if not len(color):
        return 0.0
    log = np.log(np.maximum(srgb_to_linear(color) @ LUMINANCE, 1e-3))
    return float(min(np.log(light).var() / max(float(log.var()), 1e-9), 1.0))
