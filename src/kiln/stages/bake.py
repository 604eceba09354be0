"""bake: the dense source's colour, relief and shading as maps of the game mesh, all read from one trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from pydantic import Field

from kiln.asset import Asset, Material
from kiln.stages.stage import Context, Params, stage


class BakeParams(Params):
    """The maps' size, and ambient occlusion."""

    size: int = Field(2048, ge=256, le=8192, description="width and height of the maps (texels); the padding was chosen for unwrap's size")
    ao_rays: int = Field(4, ge=0, le=64, description="ambient occlusion: rays from each 2 x 2 texels; 0 leaves it out")


@stage(reads=("source", "source_materials", "mesh", "uvs"), writes=("material",))
def bake(asset: Asset, params: BakeParams, context: Context) -> Asset:
    """Bake the source's colour, normals, occlusion and material onto the game mesh's atlas."""
    from kiln.geometry.bake import tangent_space, trace_texels
    from kiln.geometry.normals import smooth_normals
    from kiln.geometry.occlusion import openness
    from kiln.geometry.trace import Scene
    from kiln.imaging.dilate import nearest_covered
    from kiln.render.surface import normals_at, surface_at, with_normal_frames

    source = asset.source if asset.source.normals is not None else replace(asset.source, normals=smooth_normals(asset.source))
    scene = Scene(source)
    context.progress(0.1, "tracing")
    hits = trace_texels(asset.mesh, source, scene, size=params.size)
    context.progress(0.5, "occlusion")
    free = openness(hits, source, scene, source.normals, rays=params.ao_rays) if params.ao_rays else None
    context.progress(0.8, "maps")
    n = len(hits.texel)
    source = with_normal_frames(source, asset.source_materials)
    from kiln.imaging.color import linear_to_srgb

    base = np.empty((n, 4), np.uint8)
    orm = np.empty((n, 3), np.uint8)
    normal = np.empty((n, 3), np.uint8)
    glows = any(any(m.emissive_factor) for m in asset.source_materials)
    emissive = np.empty((n, 3), np.uint8) if glows else None
    guessed = None if source.seen is None else np.empty((n, 1), np.uint8)
    for first in range(0, n, 1 << 18):
        rows = slice(first, first + (1 << 18))
        points = hits.source[rows]
        surface = surface_at(source, asset.source_materials, points)
        base[rows] = linear_to_srgb(surface.base_color)
        base[rows, 3] = 255
        orm[rows] = np.round(surface.orm * 255)
        if free is not None:
            orm[rows, 0] = np.round(free[rows] * 255)
        if emissive is not None:
            emissive[rows] = linear_to_srgb(surface.emissive)
        if guessed is not None:
            guessed[rows, 0] = np.round(np.clip(surface.guessed, 0, 1) * 255)
        normal[rows] = tangent_space(asset.mesh, hits.low[rows], normals_at(source, asset.source_materials, points))
    covered = np.zeros(params.size**2, bool)
    covered[hits.texel] = True
    index = nearest_covered(covered.reshape(params.size, params.size))
    back = np.zeros(params.size**2, np.int32)
    back[hits.texel] = np.arange(n, dtype=np.int32)
    index = back[index]
    context.measure(miss_share=hits.missed / max(1, hits.covered), cage_metres=hits.cage)
    material = Material(
        name=asset.name,
        base_color=base[index],
        normal=normal[index],
        orm=orm[index],
        emissive=None if emissive is None else emissive[index],
        emissive_factor=(1.0, 1.0, 1.0) if glows else (0.0, 0.0, 0.0),
        guessed=None if guessed is None else guessed[index][..., 0],
    )
    return replace(asset, material=material)
