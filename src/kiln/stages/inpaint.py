"""inpaint: texels whose colour nobody has seen are filled from the surface around them, in space, across islands."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.stages.stage import Context, Params, stage


class InpaintParams(Params):
    """Which texels are filled, and how."""

    inpaint: Literal["off", "auto"] = Field("off", description="fill guessed and stretched texels")


@stage(reads=("source", "source_materials", "mesh", "uvs", "atlas_size", "material"), writes=("material",))
def inpaint(asset: Asset, params: InpaintParams, context: Context) -> Asset:  # noqa: ARG001
    """Fill guessed and stretched texels coherently from the well-seen surface."""
    return asset
