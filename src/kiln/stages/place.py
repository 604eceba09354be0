"""place: the asset stands where an engine expects it, faces front, at its real size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.geometry.presets import PRESETS, Kind
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.place import Extent, Similarity

_EXACT = 1e-5
"""How far off the pivot and the size may be, as a share of the diagonal: float32 rounding, a hundred times over."""

Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]


class PlaceParams(Params):
    """Where the origin goes, which way the asset looks, and how large it is."""

    pivot: Literal["bottom_center", "center", "custom"] = Field("bottom_center", description="the point that becomes the origin")
    pivot_x: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    pivot_y: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    pivot_z: float = Field(0.0, description="custom pivot, in the frame before placing (metres)")
    kind: Kind = Field(
        "none", description="what it is: gives it that thing's usual height, or length for what is known by it; none keeps its size"
    )
    height: float | None = Field(None, gt=0, le=100_000, description="how tall the asset becomes (metres), whatever kind it is")
    top: Axis = Field("+y", description="the direction, before placing, that becomes up (+Y)")
    front: Axis = Field("+z", description="the direction, before placing, that becomes the front (+Z): -z turns what faces away")

    @model_validator(mode="after")
    def _two_axes(self) -> PlaceParams:
        if self.top[1] == self.front[1]:
            raise ValueError(f"top {self.top} and front {self.front} lie along one axis; name two different ones")
        return self

    @property
    def size(self) -> tuple[float | None, Extent]:
        """Metres, and along what."""
        if self.height is not None or self.kind == "none":
            return self.height, "height"
        return PRESETS[self.kind].metres, PRESETS[self.kind].along


_MOVED = ("source", "source_voxels", "mesh", "lods", "hulls", "fits")


# What place writes it need not find: there may be no game mesh yet. The atlas's size it only hands on, to say how dense its texels are.
# It is quick, and what `_share` hands on is worked out for this very mesh: so it is done each time, not kept.
@stage(reads=("source",), writes=(*_MOVED, "atlas_size"), cached=False)
def place(asset: Asset, params: PlaceParams, context: Context) -> Asset:
    """Turn the asset to the front, move its pivot to the origin and scale it to its real size."""
    from kiln.geometry.place import placement, quarter_turn

    size, along = params.size
    moves = placement(
        asset.mesh or asset.source,
        pivot=params.pivot,
        custom=(params.pivot_x, params.pivot_y, params.pivot_z),
        size=size,
        along=along,
        turn=quarter_turn(up=params.top, front=params.front),
    )
    placed = _moved(asset, moves)
    _share(asset.source, placed.source, moves)
    subject = placed.mesh or placed.source
    _check(subject, params)
    _say_size(subject, moves.scale, params, context)
    _say_density(placed, context)
    _say_stance(subject, context)
    return placed


def _moved(asset: Asset, moves: Similarity) -> Asset:
    return replace(
        asset,
        source=moves.of(asset.source),
        source_voxels=None if asset.source_voxels is None else moves.of(asset.source_voxels),
        mesh=None if asset.mesh is None else moves.of(asset.mesh),
        lods=tuple(moves.of(lod) for lod in asset.lods),
        hulls=tuple(moves.of(hull) for hull in asset.hulls),
        fits=tuple(None if fit is None else moves.of(fit) for fit in asset.fits),
    )


def _share(source: Mesh, placed: Mesh, moves: Similarity) -> None:
    """Let what bake worked out about the source serve the export's measures too: of 5M triangles it takes seconds to build again."""
    from kiln.geometry.normals import shaded
    from kiln.geometry.trace import scene_of

    shaded.carry(source, placed, moves.of)
    if (moves.turn == np.eye(3)).all():
        scene_of.carry(source, placed, lambda scene: scene.moved(scale=moves.scale, offset=np.array(moves.offset, np.float32)))


def _check(mesh: Mesh, params: PlaceParams) -> None:
    """Raise PostconditionError when the bounds are not what was asked for."""
    from kiln.geometry.place import extent, pivot_point

    allowed = _EXACT * mesh.diagonal
    size, along = params.size
    if size is not None and abs(extent(mesh, along) - size) > allowed:
        raise PostconditionError(f"place: the mesh is {extent(mesh, along):g} m large instead of {size:g} m")
    away = 0.0 if params.pivot == "custom" else float(np.abs(pivot_point(mesh, pivot=params.pivot)).max())
    if away > allowed:
        raise PostconditionError(f"place: the pivot ended {away:g} m from the origin; the mesh is too far out for float32: center it first")


def _say_size(mesh: Mesh, scale: float, params: PlaceParams, context: Context) -> None:
    from kiln.geometry.place import extent

    height = extent(mesh, "height")
    context.measure(height=height, scale=scale)
    words = f"{params.pivot.replace('_', ' ')} at the origin, {height:.3g} m tall (scaled by {scale:.4g})"
    size, along = params.size
    if size is not None and along == "longest":
        words += f"; {params.kind.replace('_', ' ')}: {size:g} m along its longest side"
    context.note(words)
    if (params.top, params.front) != ("+y", "+z"):
        context.note(f"turned: {params.top} became up, {params.front} became the front")


def _say_density(asset: Asset, context: Context) -> None:
    """Texels per metre of the whole surface, at the final size."""
    from kiln.geometry.areas import triangle_areas, uv_areas

    if asset.mesh is None or asset.mesh.uvs is None or asset.atlas_size is None:
        return
    density = asset.atlas_size * float(np.sqrt(np.abs(uv_areas(asset.mesh)).sum() / max(triangle_areas(asset.mesh).sum(), 1e-30)))
    context.measure(texels_per_metre=density)
    context.note(f"texel density {density:.4g} px/m")


def _say_stance(mesh: Mesh, context: Context) -> None:
    from kiln.geometry.axes import measure_stance

    stance = measure_stance(mesh)
    context.measure(ground_contact=stance.contact["-y"])
    for hint in stance.hints:
        context.note(hint)
