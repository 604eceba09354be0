"""bake: the dense source's colour, relief and shading as maps of the game mesh, all read from one trace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from kiln.asset import UNMADE, Asset, Material
from kiln.errors import PostconditionError, RecipeError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.render.baked_maps import Baked, Wanted

_MISSES_WORTH_SAYING = 1e-3
"""Share of texels that find nothing along their normal above which the report says so."""

_SOFT = 0.02
"""Share of texels that may be neither clear nor opaque in a map that is called a mask (cut at one half): its soft edges."""

_CLEAR = 25
"""Levels of 255 from clear, or from opaque, that still count as such."""

_EXTRAS = ("normal_16", "curvature", "thickness", "position")
"""Maps that travel beside the GLB."""


_MapName = Literal["base_color", "normal", "orm", "emissive", "guessed", "curvature", "thickness", "position"]


class BakeParams(Params):
    """Which maps, and how carefully. They are as large as the atlas that `unwrap` laid out."""

    maps: tuple[_MapName, ...] = Field(
        ("base_color", "normal", "orm", "emissive", "guessed"),
        description="emissive and guessed are made only where the source has them; opacity is base_color's alpha. Beside the GLB: curvature"
        " (half is flat, bright bulges, full at a radius of 2 % of the diagonal), thickness (full at a third of the diagonal), position",
    )
    bits: Literal[8, 16] = Field(
        8, description="16 adds the normal map as a 16-bit PNG beside the GLB, and gives curvature and thickness 16 bits; the GLB keeps 8"
    )
    ao: bool = Field(True, description="trace ambient occlusion; without it the ORM map's red channel is the source's own, or white")
    ao_rays: int = Field(
        4,
        ge=1,
        le=64,
        description="rays from each block of 2 x 2 texels (3 x 3 at 2048, 4 x 4 at 4096); 64 times as many are averaged; powers of two",
    )
    supersampling: bool = Field(True, description="average four samples in texels where colour, normal or depth jumps and at islands' rims")


@stage(reads=("source", "source_materials", "source_voxels", "mesh", "uvs", "atlas_size"), writes=("material",))
def bake(asset: Asset, params: BakeParams, context: Context) -> Asset:
    """Bake the source's colour, normals, occlusion and material onto the game mesh's atlas."""
    from kiln.geometry.bake import Target
    from kiln.render.baked_maps import Baker
    from kiln.render.surface import Look, ready_for_surface

    if asset.mesh is None or asset.mesh.tangents is None or asset.atlas_size is None:
        raise RecipeError("bake: the game mesh has no atlas and tangents yet; put unwrap before bake")
    ready = ready_for_surface(asset.source, asset.source_materials)
    target = Target(asset.source, ready=ready)
    look = Look(ready, asset.source_materials, voxels=asset.source_voxels)
    context.progress(0.1, "tracing")
    baker = Baker(asset.mesh, target, look, size=asset.atlas_size, wanted=_wanted(params))
    baked = baker.run(lambda share: context.progress(0.1 + 0.8 * share, "maps"))
    _judge(baked, asset, context)
    return replace(asset, material=_material(asset, baked))


def _wanted(params: BakeParams) -> Wanted:
    from kiln.render.baked_maps import Wanted

    rays = 1 << (params.ao_rays - 1).bit_length() if params.ao else 0
    return Wanted(maps=frozenset(params.maps), ao_rays=rays, bits=params.bits, supersampling=params.supersampling)


def _judge(baked: Baked, asset: Asset, context: Context) -> None:
    """Say how the trace went; raise PostconditionError when it found nothing at all."""
    found = baked.found
    if not found:
        raise PostconditionError("no texel found the source: the mesh has no area in its atlas, or does not lie where its source is")
    misses = baked.missed / (found + baked.left_out)
    context.measure(ray_misses=misses, texels_left_out=baked.left_out, cage_metres=baked.cage, edge_texels=baked.sharpened)
    if misses > _MISSES_WORTH_SAYING:
        context.note(f"{misses:.2%} of the texels met no source along their normal and took the nearest surface around them")
    context.note(f"{len(baked.maps)} maps of {asset.atlas_size} x {asset.atlas_size} texels from {found:,} places on the source")
    if "position" in baked.maps:
        low, high = (", ".join(f"{value:.6g}" for value in corner.tolist()) for corner in asset.source.bounds)
        context.note(f"the position map runs from ({low}) to ({high}) m, before the asset is placed")


def _material(asset: Asset, baked: Baked) -> Material:
    """The maps as a material; what has no map has the source's factor."""
    maps: dict[str, Any] = {name: texels for name, texels in baked.maps.items() if name not in _EXTRAS}
    first = asset.source_materials[0] if asset.source_materials else UNMADE
    glows = "emissive" in maps and bool(maps["emissive"].any())
    if not glows:
        maps.pop("emissive", None)
    plain = {"roughness_factor": first.roughness_factor, "metallic_factor": first.metallic_factor}
    return Material(
        name=asset.name,
        **maps | ({} if "orm" in maps else plain),
        emissive_factor=(1.0, 1.0, 1.0) if glows else (0.0, 0.0, 0.0),
        extras={name: baked.maps[name] for name in _EXTRAS if name in baked.maps},
        alpha_mode=_alpha_mode(asset, maps.get("base_color")),
        double_sided=any(material.double_sided for material in asset.source_materials),
    )


def _alpha_mode(asset: Asset, base_color: np.ndarray | None) -> Literal["OPAQUE", "MASK", "BLEND"]:
    """What the alpha that was baked is like; a mask that the source declares stays one, however soft its edges."""
    if base_color is None or base_color[..., 3].min() == 255:
        return "OPAQUE"
    declared = {material.alpha_mode for material in asset.source_materials}
    alpha = base_color[..., 3]
    soft = float(((alpha > _CLEAR) & (alpha < 255 - _CLEAR)).mean())
    return "MASK" if soft < _SOFT or ("MASK" in declared and "BLEND" not in declared) else "BLEND"
