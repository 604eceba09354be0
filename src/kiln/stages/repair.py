"""repair: the source becomes a surface that the other stages can rely on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kiln.asset import Asset
from kiln.errors import ModelError, PostconditionError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.topology import Topology


MOST_PARTS = 100_000
"""A source in more pieces is a pile of loose triangles: a million of them took the game stages 166 s, to no use."""


class RepairParams(Params):
    """What counts as a defect, as shares of the source's bounding box's diagonal; 0 leaves a step out."""

    weld: float = Field(1e-5, ge=0, le=0.01, description="vertices on rims this near each other are welded (share of the diagonal)")
    cracks: float = Field(1e-3, ge=0, le=0.01, description="rims that run this near beside each other are zipped (share of the diagonal)")
    floaters: float = Field(0.01, ge=0, le=0.5, description="separate parts smaller than this are dropped (share of the diagonal)")
    holes: float = Field(1.0, ge=0, le=10, description="holes whose rim is no longer than this are filled (share of the diagonal)")
    hidden: Literal["off", "shells", "faces"] = Field(
        "shells", description="what nothing outside sees is dropped: off, closed shells inside others, or every such face"
    )
    rebuild: Literal["auto", "off", "always"] = Field(
        "auto", description="a new surface from winding numbers: where mending leaves a ruin, never, or always (open sheets stay)"
    )
    rebuild_voxels: int = Field(224, ge=16, le=512, description="voxels along the longest side that a rebuild looks at")
    time_limit_s: float = Field(60.0, gt=0, le=3600, description="seconds after which repair gives up optional steps")


@stage(reads=("source",), writes=("source",))
def repair(asset: Asset, params: RepairParams, context: Context) -> Asset:
    """Weld, orient and clean the source, drop specks and hidden shells, fill holes, rebuild a ruin; a sound source is left alone."""
    from kiln.geometry.repair import Limits
    from kiln.geometry.repair import repair as mend

    limits = Limits(
        weld=params.weld,
        cracks=params.cracks,
        floaters=params.floaters,
        holes=params.holes,
        hidden=params.hidden,
        rebuild=params.rebuild,
        voxels=params.rebuild_voxels,
        seconds=params.time_limit_s,
        parts=MOST_PARTS,
    )
    made = mend(asset.source, limits)
    if made.after.degenerate_triangles >= made.after.triangles:
        raise ModelError("repair: the mesh has no surface: every triangle has two corners at one point or no area")
    _check(made.before, made.after)
    for sentence in made.notes:
        context.note(sentence)
    if made.mesh is not asset.source:
        context.note(f"rungs climbed: {', '.join(made.rungs)}")
        context.note(_comparison(made.before, made.after))
    context.measure(
        open_edges=made.after.open_edges,
        non_manifold_edges=made.after.non_manifold_edges,
        inconsistent_edges=made.after.inconsistent_edges,
        components=made.after.components,
    )
    return replace(asset, source=made.mesh)


def _check(before: Topology, after: Topology) -> None:
    """Raise PostconditionError when a defect is left that repair promises to remove.

    Open edges are not among them: a sheet taken off a crowded edge ends there.
    """
    left = after.degenerate_triangles + after.duplicate_triangles + after.non_manifold_edges + after.inconsistent_edges
    if left:
        raise PostconditionError(f"repair: {left:,} defects are left of {before.triangles:,} triangles; clean the mesh in its editor first")


def _comparison(before: Topology, after: Topology) -> str:
    """Before and after, in one sentence."""
    names = ("triangles", "open_edges", "non_manifold_edges", "inconsistent_edges", "components")
    changes = (f"{name.replace('_', ' ')} {getattr(before, name):,} -> {getattr(after, name):,}" for name in names)
    return ", ".join(changes)
