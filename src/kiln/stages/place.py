"""place: the asset stands where an engine expects it, at its real size."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage

_EXACT = 1e-5
"""How far off the pivot and the height may be, as a share of the diagonal: float32 rounding, a hundred times over."""


class PlaceParams(Params):
    """Where the origin goes and how tall the asset is."""

    pivot: Literal["bottom_center", "center", "custom"] = Field("bottom_center", description="the point that becomes the origin")
    pivot_x: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    pivot_y: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    pivot_z: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    height: float | None = Field(None, gt=0, le=100_000, description="how tall the asset becomes (metres); none keeps its size")


_MOVED = ("source", "source_voxels", "mesh", "lods", "hulls", "fits")


@stage(reads=("source",), writes=_MOVED)
def place(asset: Asset, params: PlaceParams, context: Context) -> Asset:
    """Move the pivot to the origin and scale the asset to its real height."""
    from kiln.geometry.place import placement, upright_extent

    subject = asset.mesh or asset.source
    custom = (params.pivot_x, params.pivot_y, params.pivot_z)
    moves = placement(subject, pivot=params.pivot, custom=custom, height=params.height)
    placed = replace(
        asset,
        source=moves.of(asset.source),
        source_voxels=None if asset.source_voxels is None else moves.of(asset.source_voxels),
        mesh=None if asset.mesh is None else moves.of(asset.mesh),
        lods=tuple(moves.of(lod) for lod in asset.lods),
        hulls=tuple(moves.of(hull) for hull in asset.hulls),
        fits=tuple(None if fit is None else moves.of(fit) for fit in asset.fits),
    )
    _check(placed.mesh or placed.source, params)
    height = upright_extent(placed.mesh or placed.source)
    context.measure(height=height, scale=moves.scale)
    context.note(f"{params.pivot.replace('_', ' ')} at the origin, {height:.3g} m tall (scaled by {moves.scale:.4g})")
    return placed


def _check(mesh: Mesh, params: PlaceParams) -> None:
    """Raise PostconditionError when the bounds are not what was asked for."""
    from kiln.geometry.place import pivot_point, upright_extent

    allowed = _EXACT * mesh.diagonal
    if params.height is not None and abs(upright_extent(mesh) - params.height) > allowed:
        raise PostconditionError(f"place: the mesh is {upright_extent(mesh):g} m tall instead of {params.height:g} m")
    away = 0.0 if params.pivot == "custom" else float(np.abs(pivot_point(mesh, pivot=params.pivot)).max())
    if away > allowed:
        raise PostconditionError(f"place: the pivot ended {away:g} m from the origin; the mesh is too far out for float32: center it first")
