"""delight: light that was baked into the base colour is taken out of it again."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from kiln.asset import Asset
from kiln.errors import RecipeError
from kiln.stages.stage import Context, Params, stage


class DelightParams(Params):
    """How much of the baked light is removed; none unless asked for."""

    delight: float = Field(0.0, ge=0, le=1, description="share of the light baked into the base colour that is removed")


@stage(reads=("mesh", "uvs", "material"), writes=("material",))
def delight(asset: Asset, params: DelightParams, context: Context) -> Asset:
    """Reduce shading that is painted into the base colour, on request."""
    if params.delight == 0:
        return asset
    from kiln.render.delit import remove_light

    if asset.mesh is None or asset.mesh.uvs is None or asset.material is None:
        raise RecipeError("delight: the game mesh has no baked maps yet; put unwrap and bake before delight")
    if asset.material.base_color is None or asset.mesh.normals is None:
        context.note("no light was removed: the material has no base colour map")
        return asset
    done = remove_light(asset.mesh, asset.material, strength=params.delight)
    context.measure(baked_light_before=done.before, baked_light_after=done.after)
    if done.before == 0:
        context.note("no light was removed: the shape explains nothing of how bright the base colour is")
        return asset
    context.note(
        f"{params.delight:.0%} of the baked light removed: it went from {done.darkest:.2f} to {done.brightest:.2f} of its mean and was "
        f"{done.before:.0%} of the variance in brightness, now {done.after:.0%}; the map baked_light holds what was taken"
    )
    return replace(asset, material=done.material)
