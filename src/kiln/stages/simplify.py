"""simplify: the source becomes the game mesh, within a triangle budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.topology import Topology


class SimplifyParams(Params):
    """How coarse the game mesh becomes."""

    triangles: int = Field(8000, ge=50, le=1_000_000, description="most triangles the game mesh may have")
    keep_uvs: bool = Field(False, description="keep the source's UVs and other attributes; their seams limit how coarse the mesh can get")


@stage(reads=("source",), writes=("mesh",))
def simplify(asset: Asset, params: SimplifyParams, context: Context) -> Asset:
    """Reduce the source to a game mesh within the triangle budget."""
    from kiln.geometry.components import largest_parts
    from kiln.geometry.simplify import simplify as reduced
    from kiln.geometry.simplify import simplify_keeping_uvs
    from kiln.geometry.topology import measure_topology

    source = asset.source
    keep = params.keep_uvs and source.uvs is not None
    mesh = (simplify_keeping_uvs if keep else reduced)(source, triangles=params.triangles)
    dropped = 0
    if mesh.triangle_count > params.triangles and not keep:
        mesh, dropped = largest_parts(mesh, triangles=params.triangles)
    topology = measure_topology(mesh)
    _check(topology, keep=keep)
    _say(source, mesh, params.triangles, context)
    if dropped:
        context.note(f"{dropped:,} of the smallest separate parts were left out: {params.triangles:,} triangles are too few for all")
    return replace(asset, mesh=mesh)


def _check(topology: Topology, *, keep: bool) -> None:
    """Raise PostconditionError when the game mesh has defects. Kept vertices are the source's own, defects included."""
    if topology.triangles == 0:
        raise PostconditionError("simplify: nothing was left of the source; it has no surface to speak of")
    if not keep and topology.non_manifold_edges + topology.degenerate_triangles:
        raise PostconditionError(
            f"simplify: the result has {topology.non_manifold_edges} non-manifold edges and {topology.degenerate_triangles} degenerate "
            "triangles; run repair before it, or ask for more triangles"
        )


def _say(source: Mesh, mesh: Mesh, budget: int, context: Context) -> None:
    """Note what became of the triangles, and what stood in the way of the budget."""
    before, after = source.triangle_count, mesh.triangle_count
    context.measure(triangles_before=before, triangles=after)
    if before <= budget:
        context.note(f"{before:,} triangles are within the budget of {budget:,}: nothing to reduce")
    elif after <= budget:
        context.note(f"{before:,} -> {after:,} triangles")
    else:
        context.note(f"{before:,} -> {after:,} triangles; its seams and topology do not allow {budget:,}")
