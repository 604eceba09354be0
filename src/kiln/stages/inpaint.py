"""inpaint: texels whose colour nobody has seen are filled from the surface around them, in space, across islands."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.errors import RecipeError
from kiln.stages.stage import Context, Params, stage


class InpaintParams(Params):
    """Which texels are filled, and how."""

    inpaint: Literal["off", "auto", "diffuse", "patch"] = Field(
        "auto",
        description="fill guessed texels: auto those whose guess is a blur, with smooth colour and texture, and those that met no source,"
        " with smooth colour; diffuse all of them, with smooth colour; patch all of them, with both. Seconds of one core at 2048 and 4096 "
        "texels: auto 0.1 where it finds nothing, else 1 and 2.5; diffuse 0.8 and 2; patch 2 and 6; it can be stopped within one",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="a texel that pictures show less well than this is guessed (0 not seen, 1 well seen)"
    )
    texture: float = Field(
        0.8, ge=0, le=1, description="strength of the texture that auto and patch lay on (1 as strong as where it is seen)"
    )


@stage(reads=("source", "mesh", "uvs", "material"), writes=("material",))
def inpaint(asset: Asset, params: InpaintParams, context: Context) -> Asset:
    """Fill guessed texels coherently from the well-seen surface."""
    if params.inpaint == "off" or asset.material is None or asset.material.base_color is None or asset.material.guessed is None:
        return asset
    if asset.mesh is None or asset.mesh.uvs is None or asset.mesh.normals is None:
        raise RecipeError("inpaint: the game mesh has no UVs; put unwrap and bake before inpaint")
    from kiln.render.repaint import repaint

    # Where nobody said what is seen, only texels that found no source are guessed: nothing of them is worth keeping.
    method = "diffuse" if params.inpaint == "auto" and asset.source.seen is None else params.inpaint
    done = repaint(
        asset.mesh,
        asset.material,
        method=method,
        threshold=params.threshold,
        texture=params.texture,
        on_progress=context.progress,
    )
    context.measure(inpainted=done.share)
    if done.share == 0:
        context.note("nothing was inpainted: " + ("no guess is a blur" if method == "auto" else "no texel is guessed, or all are"))
        return asset
    context.measure(seam_delta_before=done.seam_before, seam_delta=done.seam_after)
    context.note(
        f"{done.share:.0%} of the surface inpainted ({method}) from what is seen around it; there the two sides of seams differ by "
        f"{done.seam_after:.1f} of 255 levels, before by {done.seam_before:.1f}"
    )
    return replace(asset, material=done.material)
