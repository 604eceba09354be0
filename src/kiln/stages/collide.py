"""collide: a few convex hulls, or one box, sphere or capsule, that stand in for the game mesh when things collide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import Field

from kiln.asset import Asset, Mesh, Primitive
from kiln.errors import PostconditionError, RecipeError
from kiln.geometry.engines import HULL_LIMITS, Engine
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.hulls import Budget, Hulls

_BOX_TRIANGLES = 12
"""A hull's least budget, however few triangles the mesh has."""

_GOOD_OUTSIDE, _MORE_SHARE = 0.02, 0.03
"""When hulls stand out by more than the first (share of the extent), people are told of the second (share of the triangles)."""

_MANY: Final = {"box": "boxes", "sphere": "spheres", "capsule": "capsules"}


class CollideParams(Params):
    """How many hulls, for which engine, and how closely they follow the shape."""

    shape: Literal["auto", "hulls", "box", "sphere", "capsule"] = Field(
        "auto",
        description="auto: convex hulls, and for each the box, sphere or capsule that is as good; hulls: convex hulls only; "
        "box, sphere, capsule: one such body for the whole",
    )
    hulls_for: Engine = Field("any", description="the engine whose limits of hulls and vertices are kept")
    hulls: int = Field(12, ge=1, le=32, description="most hulls")
    vertices: int = Field(32, ge=8, le=128, description="most vertices a hull; the engine's limit stands above it")
    triangles_share: float = Field(
        0.01,
        gt=0,
        le=1,
        description="all hulls together have fewer triangles than this share of the game mesh's; one box is always allowed",
    )
    cover: bool = Field(
        False, description="hulls enclose the whole mesh, for physics that must not let things sink in; they stand out more"
    )
    method: Literal["cuts", "coacd", "best"] = Field(
        "cuts", description="who parts the shape: cuts by planes (fast), CoACD (1 to 3 s more), or the better of both"
    )
    # What "as good" means: a primitive is compared with the hull of its part, and so were the 47 hulls that eight assets got at 1 %: these
    # are off by 5.3, 7.1 and 9.5 % of the part's diagonal (quartiles), the nearest primitives by 6.5, 9.4 and 11.1 %, their volume by 7, 14
    # and 19 %. At these bounds 24 of the 47 have one, which is about as far off as its hull; at 0.10 and 0.03 none had.
    fit_volume: float = Field(0.15, ge=0, le=1, description="what a box, sphere or capsule may differ in volume from its part, as a share")
    fit_distance: float = Field(
        0.10, ge=0, le=1, description="how far it may be from its part's surface anywhere, as a share of the part's diagonal"
    )
    time_limit_s: float = Field(20.0, gt=0, le=600, description="when what there is by then must do (seconds)")


@stage(reads=("mesh",), writes=("hulls", "fits"))
def collide(asset: Asset, params: CollideParams, context: Context) -> Asset:
    """Cover the game mesh with convex collision hulls."""
    if asset.mesh is None:
        raise RecipeError("collide: there is no game mesh yet; put simplify before collide")
    budget = _budget(asset.mesh, params)
    made, fits = _made(asset.mesh, params, budget)
    for hull in made.hulls:
        _check(hull, budget)
    _say(asset.mesh, made, fits, params, context)
    return replace(asset, hulls=made.hulls, fits=fits)


def _budget(mesh: Mesh, params: CollideParams) -> Budget:
    from kiln.geometry.hulls import Budget

    limits = HULL_LIMITS[params.hulls_for]
    below = -int(-params.triangles_share * mesh.triangle_count // 1) - 1
    return Budget(
        hulls=min(params.hulls, limits.hulls),
        vertices=min(params.vertices, limits.vertices),
        triangles=max(below, _BOX_TRIANGLES),
        cover=params.cover,
    )


def _made(mesh: Mesh, params: CollideParams, budget: Budget) -> tuple[Hulls, tuple[Primitive | None, ...]]:
    """The hulls, and for each the primitive that may replace it."""
    from kiln.geometry.fit import best_fit, fit, primitive_hull
    from kiln.geometry.hulls import decompose, one_hull

    if params.shape == "box" or params.shape == "sphere" or params.shape == "capsule":
        fitted = fit(mesh.positions, params.shape)
        return one_hull(mesh, primitive_hull(fitted.primitive), budget=budget), (fitted.primitive,)
    made = decompose(mesh, budget=budget, method=params.method, time_limit_s=params.time_limit_s)
    if params.shape == "hulls":
        return made, ()
    return made, tuple(best_fit(part, volume_error=params.fit_volume, distance=params.fit_distance) for part in made.parts)


def _check(hull: Mesh, budget: Budget) -> None:
    """Raise PostconditionError when a hull is not a closed convex body that engines accept."""
    from kiln.geometry.areas import volume
    from kiln.geometry.convex import is_convex
    from kiln.geometry.topology import measure_topology

    if hull.vertex_count > budget.vertices or not measure_topology(hull).is_sound or volume(hull) <= 0 or not is_convex(hull):
        raise PostconditionError(f"collide: a hull of {hull.vertex_count} vertices came out open, thin or not convex; ask for fewer hulls")


def _say(mesh: Mesh, made: Hulls, fits: tuple[Primitive | None, ...], params: CollideParams, context: Context) -> None:
    """Note how many hulls there are and how far they are from the mesh."""
    errors, count = made.errors, len(made.hulls)
    triangles = sum(hull.triangle_count for hull in made.hulls)
    context.measure(
        hulls=count,
        hull_vertices=sum(hull.vertex_count for hull in made.hulls),
        hull_triangles=triangles,
        hull_outside=errors.outside,
        hull_uncovered=errors.uncovered,
    )
    words = f"{count} convex hull{'s' * (count > 1)}, {triangles} triangles"
    if errors.added is not None and errors.lost is not None:
        context.measure(hull_volume_error=errors.added + errors.lost, hull_volume_added=errors.added, hull_volume_lost=errors.lost)
        words += f", volume {errors.added + errors.lost:.1%} off ({errors.added:.1%} added, {errors.lost:.1%} lost)"
    context.note(f"{words}; at most {errors.outside:.1%} of the diagonal outside the mesh, {errors.uncovered:.1%} inside it")
    if (
        errors.outside * mesh.diagonal > _GOOD_OUTSIDE * float(np.ptp(mesh.positions, axis=0).max())
        and params.triangles_share < _MORE_SHARE
    ):
        context.note(
            f"hulls stand out by more than {_GOOD_OUTSIDE:.0%} of the extent: --triangles-share {_MORE_SHARE} lets them follow closer"
        )
    if params.shape == "auto" and any(fits):
        context.note(_simpler(fits))
    if made.fallback:
        context.note(made.fallback)


def _simpler(fits: tuple[Primitive | None, ...]) -> str:
    """Which hulls may be something that physics engines prefer."""
    kinds = [fit.kind for fit in fits if fit is not None]
    found = [f"{kinds.count(kind)} may be {_MANY[kind] if kinds.count(kind) > 1 else 'a ' + kind}" for kind in sorted(set(kinds))]
    return f"of {len(fits)} hull{'s' * (len(fits) > 1)} {', '.join(found)}"
