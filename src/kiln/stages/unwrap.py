"""unwrap: the game mesh with a UV atlas of exactly the size asked for: few round charts, even texel density, a gutter that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.errors import RecipeError
from kiln.stages.stage import Context, Params, stage

_SPARSE = 0.5
"""Share of the atlas under which the report says that it is ill used."""


class UnwrapParams(Params):
    """The atlas, and how charts are cut."""

    size: int = Field(2048, ge=256, le=8192, description="atlas width and height (texels)")
    padding: int = Field(8, ge=1, le=64, description="least gap between islands (texels)")
    method: Literal["auto", "xatlas", "box"] = Field(
        "auto", description="first charts: auto and box project along axes, auto then joins; xatlas"
    )
    time_limit_s: float = Field(20.0, gt=0, le=3600, description="how long xatlas may take before the box projection replaces it (seconds)")


@stage(reads=("mesh",), writes=("mesh", "uvs", "atlas_size"))
def unwrap(asset: Asset, params: UnwrapParams, context: Context) -> Asset:
    """Cut the game mesh into charts and lay them into one atlas."""
    from kiln.geometry.unwrap import unwrap as unwrapped

    if asset.mesh is None:
        raise RecipeError("unwrap: there is no game mesh yet; put simplify before unwrap")
    result = unwrapped(asset.mesh, size=params.size, padding=params.padding, method=params.method, time_limit_s=params.time_limit_s)
    for note in result.notes:
        context.note(note)
    context.measure(**result.measures)
    share = result.measures["utilization"]
    context.note(f"{result.measures['charts']:.0f} charts fill {share:.0%} of {params.size} x {params.size} texels")
    if share < _SPARSE:
        context.note(f"that is little: the charts are too many or too awkward for {params.padding} px of padding")
    return replace(asset, mesh=result.mesh, atlas_size=params.size)
