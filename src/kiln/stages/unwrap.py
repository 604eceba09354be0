"""unwrap: the game mesh with a UV atlas of the size or the texel density asked for: few compact charts, a gutter that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import ModelError, RecipeError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.lightmap import Lightmap
    from kiln.geometry.unwrap import Unwrapped

_SPARSE = 0.5
"""Share of the atlas under which the report says that it is ill used."""

_NOT_FOR_KEPT = ("density", "method", "max_charts", "front_weight", "face_weight")
"""Parameters that say how charts are made, so that they mean nothing for UVs that are kept."""

_MISSED = 0.99
"""Share of the texel density asked for under which the report says that it was not reached."""


class UnwrapParams(Params):
    """The atlas, how charts are cut, and who gets how many texels."""

    size: int = Field(2048, ge=256, le=8192, description="atlas width and height (texels)")
    padding: int = Field(8, ge=1, le=64, description="least gap between islands (texels)")
    density: float | None = Field(
        None, gt=0, le=100_000, description="texels per metre; the atlas then gets the least power of two that holds them, up to 8192"
    )
    method: Literal["auto", "xatlas", "box"] = Field(
        "auto", description="first charts: auto and box project along axes, auto then joins; xatlas"
    )
    max_charts: int | None = Field(None, ge=1, description="most charts, as far as stretch allows")
    front_weight: float = Field(1.0, ge=0.5, le=3, description="times as many texels per metre on what faces the front")
    face_weight: float = Field(1.0, ge=0.5, le=3, description="times as many on what faces the front in the top fifth of the height")
    keep_uvs: Literal["off", "good", "always"] = Field(
        "off", description="keep the UVs that the game mesh has: never, when good, or always"
    )
    lightmap: bool = Field(False, description="add a second UV set for baked light")
    lightmap_size: int = Field(256, ge=32, le=4096, description="lightmap width and height (texels)")
    lightmap_padding: int = Field(3, ge=1, le=32, description="least gap between islands in the lightmap (texels)")
    time_limit_s: float = Field(20.0, gt=0, le=3600, description="how long xatlas may take before the box projection replaces it (seconds)")


@stage(reads=("source", "mesh"), writes=("mesh", "uvs", "atlas_size"))
def unwrap(asset: Asset, params: UnwrapParams, context: Context) -> Asset:
    """Cut the game mesh into charts and lay them into one atlas."""
    from kiln.geometry.importance import carried_importance

    if asset.mesh is None:
        raise RecipeError("unwrap: there is no game mesh yet; put simplify before unwrap")
    mesh = carried_importance(asset.source, asset.mesh)
    kept = _kept(mesh, params, context) if params.keep_uvs != "off" else None
    result = kept or _made(mesh, params)
    for note in result.notes:
        context.note(note)
    context.measure(**result.measures)
    _say(result, params if kept is None else params.model_copy(update={"density": None}), context)
    return replace(asset, mesh=result.mesh, atlas_size=result.size)


def _made(mesh: Mesh, params: UnwrapParams) -> Unwrapped:
    from kiln.geometry.unwrap import unwrap as unwrapped

    return unwrapped(
        mesh,
        size=params.size,
        padding=params.padding,
        method=params.method,
        density=params.density,
        front_weight=params.front_weight,
        face_weight=params.face_weight,
        max_charts=params.max_charts,
        lightmap=_lightmap(params),
        time_limit_s=params.time_limit_s,
    )


def _lightmap(params: UnwrapParams) -> Lightmap | None:
    from kiln.geometry.lightmap import Lightmap

    return Lightmap(size=params.lightmap_size, padding=params.lightmap_padding) if params.lightmap else None


def _kept(mesh: Mesh, params: UnwrapParams, context: Context) -> Unwrapped | None:
    """The mesh on the UVs it came with, or None when it has to be unwrapped anew. ModelError when it must not be, and cannot be kept."""
    from kiln.geometry.kept_uvs import faults, keep, weaknesses

    wrong = faults(mesh, size=params.size)
    if wrong and params.keep_uvs == "always":
        raise ModelError(
            f"unwrap: the mesh's own UVs cannot be baked onto ({'; '.join(wrong)}); set keep_uvs to good, or simplify's keep_uvs"
        )
    wrong = wrong or (() if params.keep_uvs == "always" else weaknesses(mesh, size=params.size))
    if wrong:
        context.note(f"unwrapped anew instead of keeping the UVs: {'; '.join(wrong)}")
        return None
    ignored = [name for name in _NOT_FOR_KEPT if getattr(params, name) != UnwrapParams.model_fields[name].default]
    context.note("the mesh's own UVs were kept" + (f"; {', '.join(ignored)} had no effect" if ignored else ""))
    return keep(mesh, size=params.size, padding=params.padding, lightmap=_lightmap(params))


def _say(result: Unwrapped, params: UnwrapParams, context: Context) -> None:
    """Note how the atlas is used, and what of it is less than was asked for."""
    from kiln.geometry.unwrap import SLIVER

    share, density, size = result.measures["utilization"], result.measures["texel_density_px_per_m"], result.size
    context.note(f"{result.measures['charts']:.0f} charts fill {share:.0%} of {size} x {size} texels, {density:,.0f} texels a metre")
    missed = params.density is not None and density < _MISSED * params.density
    if missed:
        context.note(f"{params.density:,.0f} texels a metre do not fit an atlas of {size}: use less, or several assets")
    if share < _SPARSE and params.density is None:
        context.note(f"that is little: the charts are too many or too awkward for {params.padding} px of padding")
    if result.measures["slivers"]:
        context.note(f"{result.measures['slivers']:.0f} of the charts are less than {SLIVER} texels wide")
