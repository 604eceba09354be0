"""bake: the dense source's colour, relief and shading as maps of the game mesh, all read from one trace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from kiln.asset import Asset, Material, Mesh
from kiln.errors import PostconditionError, RecipeError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    from kiln.geometry.bake import Target, TexelHits

_SLAB = 1 << 17
"""Texels looked up at a time: about 30 MB of intermediate values each."""

_MISSES_WORTH_SAYING = 1e-3
"""Share of texels that find nothing along their normal above which the report says so."""


class BakeParams(Params):
    """Ambient occlusion. The maps are as large as the atlas that `unwrap` laid out."""

    ao: bool = Field(True, description="trace ambient occlusion; without it the ORM map's red channel is the source's own, or white")
    ao_rays: int = Field(
        4, ge=1, le=64, description="rays from each 2 x 2 texels; 16 times as many are averaged (rounded up to a power of two)"
    )


@stage(reads=("source", "source_materials", "source_voxels", "mesh", "uvs", "atlas_size"), writes=("material",))
def bake(asset: Asset, params: BakeParams, context: Context) -> Asset:
    """Bake the source's colour, normals, occlusion and material onto the game mesh's atlas."""
    from kiln.geometry.bake import Target, trace_texels
    from kiln.geometry.occlusion import openness
    from kiln.kernels import map_in_threads
    from kiln.render.surface import ready_for_surface

    if asset.mesh is None or asset.mesh.tangents is None or asset.atlas_size is None:
        raise RecipeError("bake: the game mesh has no atlas and tangents yet; put unwrap before bake")
    target = Target(ready_for_surface(asset.source, asset.source_materials))
    context.progress(0.1, "tracing")
    hits = trace_texels(asset.mesh, target, size=asset.atlas_size)
    _judge(hits, context)
    context.progress(0.4, "ambient occlusion")
    free = openness(hits, target, rays=1 << (params.ao_rays - 1).bit_length()) if params.ao else None
    context.progress(0.8, "maps")
    texels = _Texels(mesh=asset.mesh, target=target, materials=asset.source_materials, hits=hits, free=free)
    map_in_threads(texels.look_up, range(0, len(hits.texel), _SLAB))
    context.note(f"maps of {asset.atlas_size} x {asset.atlas_size} texels from {len(hits.texel):,} places on the source")
    return replace(asset, material=texels.material(asset.name))


def _judge(hits: TexelHits, context: Context) -> None:
    """Say how the trace went; raise PostconditionError when it found nothing at all."""
    if not len(hits.texel):
        raise PostconditionError("no texel found the source: the mesh has no area in its atlas, or does not lie where its source is")
    misses = hits.missed / hits.covered
    context.measure(ray_misses=misses, texels_left_out=hits.covered - len(hits.texel), cage_metres=hits.cage)
    if misses > _MISSES_WORTH_SAYING:
        context.note(f"{misses:.2%} of the texels met no source along their normal and took the nearest surface around them")


class _Texels:
    """The covered texels' bytes, map by map."""

    def __init__(
        self, *, mesh: Mesh, target: Target, materials: tuple[Material, ...], hits: TexelHits, free: Float32[np.ndarray, " texels"] | None
    ) -> None:
        self.mesh, self.target, self.materials, self.hits, self.free = mesh, target, materials, hits, free
        count = len(hits.texel)
        self.base_color = np.empty((count, 4), np.uint8)
        self.normal = np.empty((count, 3), np.uint8)
        self.orm = np.empty((count, 3), np.uint8)
        self.emissive = np.empty((count, 3), np.uint8) if any(any(m.emissive_factor) for m in materials) else None
        self.guessed = None if target.mesh.seen is None else np.empty(count, np.uint8)
        self.alpha_mode: Literal["OPAQUE", "MASK", "BLEND"] = next((m.alpha_mode for m in materials if m.alpha_mode != "OPAQUE"), "OPAQUE")

    def look_up(self, first: int) -> None:
        """Fill in a slab of texels."""
        from kiln.geometry.bake import tangent_normals
        from kiln.imaging.color import linear_to_srgb
        from kiln.render.surface import surface_at

        rows = slice(first, first + _SLAB)
        surface = surface_at(self.target.mesh, self.materials, self.hits.source[rows])
        self.base_color[rows, :3] = linear_to_srgb(surface.base_color[:, :3])
        self.base_color[rows, 3] = 255 if self.alpha_mode == "OPAQUE" else _bytes(surface.base_color[:, 3])
        self.orm[rows] = _bytes(surface.orm)
        if self.free is not None:
            # The smaller of the source's own occlusion and the traced one: multiplied, creases would darken twice.
            self.orm[rows, 0] = np.minimum(self.orm[rows, 0], _bytes(self.free[rows]))
        if self.emissive is not None and surface.emissive is not None:
            self.emissive[rows] = linear_to_srgb(surface.emissive)
        if self.guessed is not None and surface.guessed is not None:
            self.guessed[rows] = _bytes(surface.guessed)
        self.normal[rows] = tangent_normals(self.mesh, self.hits.low[rows], surface.normal)

    def material(self, name: str) -> Material:
        """The maps, filled whole from the nearest covered texels."""
        from kiln.imaging.dilate import nearest_covered
        from kiln.kernels import map_in_threads

        size = self.hits.size
        number = np.full(size * size, -1, np.int32)
        number[self.hits.texel] = np.arange(len(self.hits.texel), dtype=np.int32)
        number = number[nearest_covered((number >= 0).reshape(size, size))]
        maps = (self.base_color, self.normal, self.orm, self.emissive, self.guessed)
        base_color, normal, orm, emissive, guessed = map_in_threads(lambda texels: None if texels is None else texels[number], maps)
        return Material(
            name=name,
            base_color=base_color,
            normal=normal,
            orm=orm,
            emissive=emissive,
            emissive_factor=(0.0, 0.0, 0.0) if self.emissive is None else (1.0, 1.0, 1.0),
            guessed=guessed,
            alpha_mode=self.alpha_mode,
            double_sided=any(material.double_sided for material in self.materials),
        )


def _bytes(values: Float32[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Linear values, 0 to 1, as bytes."""
    return (np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
