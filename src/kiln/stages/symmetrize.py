"""symmetrize: both halves, or all sectors, of the game mesh and its source are made alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.symmetry import Kaleidoscope
    from kiln.geometry.topology import Topology

NEAR = 0.01
"""With `auto` a shape counts as meant to be symmetric when its mirror image is on average this share of its size off, or less."""

_SNAPS = (0.25, 0.1, 0.02, 0.0)
"""How readily vertices are moved onto the wall: first what gives good triangles, then what changes less of how the surface hangs together.
Of 150 random cuts of five game meshes the first did for 148, the second for the rest."""

_ROUNDS = 4
"""Of coarsening the game mesh until it has no more triangles than before."""

_MARGIN = 0.998
"""Each round aims this much lower, since cutting adds a triangle here and there."""


class SymmetrizeParams(Params):
    """Which symmetry; off leaves the asset as it is."""

    symmetry: Literal["off", "auto", "x", "z", "radial"] = Field(
        "off",
        description="mirror left and right (x), front and back (z), or sectors around an upright axis (radial); auto: x if it nearly is",
    )
    sectors: int = Field(6, ge=2, le=64, description="how many sectors radial symmetry has")
    keep: Literal["auto", "positive", "negative"] = Field(
        "auto", description="which half is kept: that with the higher x or z, the lower, or the better seen one (radial: front, back)"
    )
    plane: Literal["found", "center"] = Field(
        "found", description="where the mirror or axis stands: where it fits best, or the box's middle"
    )


@stage(reads=("source", "source_voxels", "mesh"), writes=("source", "source_voxels", "mesh"))
def symmetrize(asset: Asset, params: SymmetrizeParams, context: Context) -> Asset:
    """Make the shape symmetric about a plane or an axis; textures follow."""
    if params.symmetry == "off":
        return asset
    from kiln.geometry.symmetry_axis import asymmetry, best_part
    from kiln.geometry.symmetry_voxels import symmetrized_voxels

    shape = asset.mesh or asset.source
    glass = _glass(shape, params)
    off = asymmetry(shape, glass)
    context.measure(asymmetry=off)
    context.progress(0.3, "the plane is found")
    if params.symmetry == "auto" and off > NEAR:
        context.note(f"left as it is: its mirror image is {off:.1%} of its size off on average, so it is not meant to be symmetric")
        return asset
    glass = best_part(asset.source, glass, keep=params.keep)
    source = _symmetrized(asset.source, glass)
    context.progress(0.7, "the source is symmetric")
    mesh = None if asset.mesh is None else _within_budget(asset.mesh, glass, context)
    voxels = None if asset.source_voxels is None else symmetrized_voxels(asset.source_voxels, glass)
    context.note(_words(glass, off))
    return replace(asset, source=source, mesh=mesh, source_voxels=voxels)


def _glass(shape: Mesh, params: SymmetrizeParams) -> Kaleidoscope:
    """Where the walls stand."""
    from kiln.geometry.symmetry_axis import find_axis, find_mirror

    found = params.plane == "found"
    if params.symmetry == "radial":
        return find_axis(shape, sectors=params.sectors, found=found)
    return find_mirror(shape, axis="z" if params.symmetry == "z" else "x", found=found)


def _symmetrized(mesh: Mesh, glass: Kaleidoscope) -> Mesh:
    """The mesh made symmetric, as sound as it was, without what hung on the rest only by a part that is gone.

    PostconditionError when no way of cutting it keeps it so.
    """
    from kiln.geometry.symmetry import largest_components, symmetrized
    from kiln.geometry.topology import measure_topology

    before = measure_topology(mesh)
    for snap in _SNAPS:
        made = symmetrized(mesh, glass, snap=snap)
        if not made.triangle_count:
            raise PostconditionError("symmetrize: there is nothing on the side that was to be kept; keep the other one")
        made = largest_components(made, most=before.components)
        after = measure_topology(made)
        if not _is_worse(after, before):
            return made
    raise PostconditionError(
        f"symmetrize: the halves do not join ({after.open_edges} open, {after.non_manifold_edges} non-manifold edges); "
        "use --plane center, or keep the other half"
    )


def _is_worse(after: Topology, before: Topology) -> bool:
    """Whether cutting and joining tore, pinched or squashed what was sound."""
    torn = before.is_closed and not after.is_closed
    pinched = before.is_manifold and not after.is_manifold
    return torn or pinched or (before.degenerate_triangles == 0 and after.degenerate_triangles > 0)


def _within_budget(mesh: Mesh, glass: Kaleidoscope, context: Context) -> Mesh:
    """The game mesh made symmetric, coarsened first where the kept part is the richer one; one with UVs stays as fine as it is."""
    from kiln.geometry.simplify import simplify

    made = _symmetrized(mesh, glass)
    target = mesh.triangle_count
    for _ in range(_ROUNDS):
        if mesh.uvs is not None or made.triangle_count <= mesh.triangle_count:
            break
        target = int(_MARGIN * target * mesh.triangle_count / made.triangle_count)
        made = _symmetrized(simplify(mesh, triangles=target), glass)
    if made.triangle_count > mesh.triangle_count:
        context.note(
            f"{made.triangle_count:,} triangles instead of {mesh.triangle_count:,}: the part that was kept has more than its share"
        )
    return made


def _words(glass: Kaleidoscope, off: float) -> str:
    """What was done."""
    before = f"before, its mirror image was {off:.2%} of its size off on average"
    x, z = glass.axis
    if glass.sectors > 1:
        return f"{glass.sectors} like sectors about the axis at x = {x:.4g} m, z = {z:.4g} m; {before}"
    name, place = ("x", x) if round(glass.azimuth_degrees) % 180 == 0 else ("z", z)
    side = "positive" if round(glass.azimuth_degrees) in (0, -90) else "negative"
    return f"mirrored at {name} = {place:.4g} m, the {side} half kept; {before}"
