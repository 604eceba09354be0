"""collide: a few convex hulls that stand in for the game mesh when things collide."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError, RecipeError
from kiln.stages.stage import Context, Params, stage

_CONCAVITY = {"coarse": 0.25, "normal": 0.12, "fine": 0.06}
"""What a hull may leave unfilled, of a unit box: CoACD's threshold. Each step about doubles hulls and time."""


class CollideParams(Params):
    """How many hulls, and how closely they follow the shape."""

    hulls: int = Field(8, ge=1, le=64, description="most hulls")
    vertices: int = Field(49, ge=8, le=49, description="most vertices a hull; engines take up to 255, cheaply 49")
    quality: Literal["coarse", "normal", "fine"] = Field("normal", description="how closely the hulls follow the shape")
    time_limit_s: float = Field(60.0, gt=0, le=600, description="when the decomposition is stopped and one hull must do (seconds)")


@stage(reads=("mesh",), writes=("hulls", "fits"))
def collide(asset: Asset, params: CollideParams, context: Context) -> Asset:
    """Cover the game mesh with convex collision hulls."""
    from kiln.geometry.hulls import decompose

    if asset.mesh is None:
        raise RecipeError("collide: there is no game mesh yet; put simplify before collide")
    made = decompose(
        asset.mesh,
        most=params.hulls,
        vertices=params.vertices,
        concavity=_CONCAVITY[params.quality],
        time_limit_s=params.time_limit_s,
    )
    for hull in made.hulls:
        _check(hull, params.vertices)
    _say(asset.mesh, made.hulls, made.fallback, context)
    return replace(asset, hulls=made.hulls)


def _check(hull: Mesh, vertices: int) -> None:
    """Raise PostconditionError when a hull is not a closed convex body that engines accept."""
    from kiln.geometry.areas import volume
    from kiln.geometry.hulls import is_convex
    from kiln.geometry.topology import measure_topology

    topology = measure_topology(hull)
    if hull.vertex_count > vertices or not topology.is_sound or volume(hull) <= 0 or not is_convex(hull):
        raise PostconditionError(f"collide: a hull of {hull.vertex_count} vertices came out open, thin or not convex; ask for fewer hulls")


def _say(mesh: Mesh, hulls: tuple[Mesh, ...], fallback: str, context: Context) -> None:
    """Note how many hulls there are and what they add in volume."""
    from kiln.geometry.areas import volume
    from kiln.geometry.topology import measure_topology

    corners = sum(hull.vertex_count for hull in hulls)
    context.measure(hulls=len(hulls), hull_vertices=corners)
    words = f"{len(hulls)} convex hull{'s' if len(hulls) > 1 else ''}, {corners} vertices"
    if measure_topology(mesh).is_closed and volume(mesh) > 0:
        excess = sum(volume(hull) for hull in hulls) / volume(mesh) - 1
        context.measure(hull_volume_error=excess)
        words += f", {excess:+.0%} volume"
    context.note(words)
    if fallback:
        context.note(f"one hull instead of several: {fallback}")
