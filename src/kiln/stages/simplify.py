"""simplify: the source becomes the game mesh, within a triangle budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage

_DENSER = 4
"""Times the budget that quads are made from: their library takes 2 s for 160k triangles."""

_LEAST_FOR_QUADS = 20_000


class SimplifyParams(Params):
    """How coarse the game mesh becomes."""

    triangles: int = Field(8000, ge=50, le=1_000_000, description="most triangles the game mesh may have")
    method: Literal["triangles", "quads"] = Field(
        "triangles", description="quads: remesh in quads through an optional library; triangles if it fails"
    )
    quality: Literal["normal", "preview"] = Field(
        "normal", description="preview: the grid's quick way, in a fifth of the time; thin parts may lose holes"
    )
    keep_uvs: bool = Field(
        False, description="keep the source's vertices with UVs, colours and materials; seams limit how coarse it can get"
    )
    color_weight: float = Field(
        1.0, ge=0, le=100, description="with keep_uvs: how firmly borders between vertex colours hold; 0: colours do not count"
    )
    time_limit_s: float = Field(
        60.0, gt=0, le=3600, description="how long the quads' library may take before triangles replace it (seconds)"
    )


@stage(reads=("source",), writes=("mesh",))
def simplify(asset: Asset, params: SimplifyParams, context: Context) -> Asset:
    """Reduce the source to a game mesh within the triangle budget."""
    from kiln.geometry.components import largest_parts

    source = asset.source
    keep = params.keep_uvs and (source.uvs is not None or source.colors is not None)
    mesh = _simplified(source, params, context, keep=keep)
    dropped = 0
    if mesh.triangle_count > params.triangles and not keep:
        mesh, dropped = largest_parts(mesh, triangles=params.triangles)
    _check(mesh, keep=keep)
    _say(source, mesh, params.triangles, context, keep=keep)
    if dropped:
        context.note(f"{dropped:,} of the smallest separate parts were left out: {params.triangles:,} triangles are too few for all")
    return replace(asset, mesh=mesh)


def _simplified(source: Mesh, params: SimplifyParams, context: Context, *, keep: bool) -> Mesh:
    """The source within the budget, the way the parameters ask for."""
    from kiln.geometry.keep import simplify_keeping
    from kiln.geometry.quick import preview
    from kiln.geometry.simplify import simplify

    if keep:
        return simplify_keeping(source, triangles=params.triangles, color_weight=params.color_weight)
    if params.quality == "preview" and source.triangle_count > params.triangles:
        context.note("a preview: clustered on a grid, so that thin parts may have lost holes or come apart")
        return preview(source, triangles=params.triangles)
    remeshed = _in_quads(source, params, context) if params.method == "quads" else None
    return simplify(source, triangles=params.triangles) if remeshed is None else remeshed


def _in_quads(source: Mesh, params: SimplifyParams, context: Context) -> Mesh | None:
    """The source in quads of two triangles each; None, with a note why, where that went wrong."""
    from kiln.geometry.quads import quads
    from kiln.geometry.simplify import simplify

    dense = simplify(source, triangles=max(_LEAST_FOR_QUADS, _DENSER * params.triangles))
    made = quads(dense, triangles=params.triangles, time_limit_s=params.time_limit_s)
    if isinstance(made, str):
        context.note(f"triangles instead of quads: {made}")
        return None
    context.measure(quad_share=made.share, quads_farthest=made.farthest)
    context.note(
        f"{made.mesh.triangle_count // 2:,} quads, {made.share:.1%} of them convex, at most {made.farthest:.2%} of the diagonal away"
    )
    return made.mesh


def _check(mesh: Mesh, *, keep: bool) -> None:
    """Raise PostconditionError when the game mesh has defects. Kept vertices are the source's own, defects included."""
    from kiln.geometry.topology import measure_topology

    topology = measure_topology(mesh) if mesh.triangle_count else None
    if topology is None or topology.triangles == 0:
        raise PostconditionError("simplify: nothing was left of the source; it has no surface to speak of")
    if not keep and topology.non_manifold_edges + topology.degenerate_triangles:
        raise PostconditionError(
            f"simplify: the result has {topology.non_manifold_edges} non-manifold edges and {topology.degenerate_triangles} degenerate "
            "triangles; run repair before it, or ask for more triangles"
        )


def _say(source: Mesh, mesh: Mesh, budget: int, context: Context, *, keep: bool) -> None:
    """Note what became of the triangles, and what stood in the way of the budget."""
    before, after = source.triangle_count, mesh.triangle_count
    context.measure(triangles_before=before, triangles=after)
    if before <= budget and after == before:
        context.note(f"{before:,} triangles are within the budget of {budget:,}: nothing to reduce")
    elif after <= budget:
        context.note(f"{before:,} -> {after:,} triangles")
    else:
        context.note(f"{before:,} -> {after:,} triangles; {_obstacle(mesh) if keep else 'its topology does'} not allow {budget:,}")


def _obstacle(mesh: Mesh) -> str:
    """What kept a mesh of the source's own vertices above its budget."""
    from kiln.geometry.keep import held_points

    held, points = held_points(mesh)
    return f"its topology, and seams, borders of materials and open edges, which {held:,} of {points:,} points lie on, do"
