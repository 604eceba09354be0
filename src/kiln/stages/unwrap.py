"""unwrap: the game mesh with a UV atlas of exactly the size asked for: few round charts, even texel density, a gutter that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.stages.stage import Context, Params, stage


class UnwrapParams(Params):
    """The atlas, and how charts are cut."""

    size: int = Field(2048, ge=256, le=8192, description="atlas width and height (texels)")
    padding: int = Field(8, ge=1, le=64, description="least gap between islands (texels)")
    time_limit_s: float = Field(20.0, gt=0, description="how long the chart cutter may take before the box projection replaces it (seconds)")
    method: Literal["auto", "xatlas", "box"] = Field("auto", description="how charts are cut; auto falls back to box when xatlas fails")


@stage(reads=("mesh",), writes=("mesh", "uvs"))
def unwrap(asset: Asset, params: UnwrapParams, context: Context) -> Asset:
    """Cut the game mesh into charts and lay them into one atlas."""
    from kiln.geometry.unwrap import unwrap as unwrapped

    result = unwrapped(asset.mesh, size=params.size, padding=params.padding, method=params.method, time_limit_s=params.time_limit_s)
    for note in result.notes:
        context.note(note)
    context.measure(**result.measures)
    return replace(asset, mesh=result.mesh)
