"""symmetrize: both halves, or all sectors, of the game mesh and its source are made alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError
from kiln.stages.stage import Context, Params, stage

if TYPE_CHECKING:
    from kiln.geometry.cut_loose import CutLoose
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
        description="mirror left and right (x), front and back (z), or sectors around an upright axis (radial); auto: x or z if nearly so",
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
    from kiln.geometry.symmetry_axis import best_part
    from kiln.geometry.symmetry_voxels import symmetrized_voxels

    shape = asset.mesh or asset.source
    glass, off = _nearest_glass(shape, params)
    context.measure(asymmetry=off)
    context.progress(0.3, "the plane is found")
    if params.symmetry == "auto" and off > NEAR:
        context.note(f"left as it is: its better mirror image is {off:.1%} of its size off on average, so it is not meant to be symmetric")
        return asset
    glass = best_part(asset.source, glass, keep=params.keep)
    source = _symmetrized(asset.source, glass, context)
    context.progress(0.7, "the source is symmetric")
    mesh = None if asset.mesh is None else _within_budget(asset.mesh, glass, context)
    voxels = None if asset.source_voxels is None else symmetrized_voxels(asset.source_voxels, glass)
    context.note(_words(glass, off))
    return replace(asset, source=source, mesh=mesh, source_voxels=voxels)


def _nearest_glass(shape: Mesh, params: SymmetrizeParams) -> tuple[Kaleidoscope, float]:
    """Where the walls stand, and how far the mirror image there is off; `auto` tries z where x is none."""
    from kiln.geometry.symmetry_axis import asymmetry, find_axis, find_mirror

    found = params.plane == "found"
    if params.symmetry == "radial":
        glass = find_axis(shape, sectors=params.sectors, found=found)
        return glass, asymmetry(shape, glass)
    glass = find_mirror(shape, axis="z" if params.symmetry == "z" else "x", found=found)
    off = asymmetry(shape, glass)
    if params.symmetry != "auto" or off <= NEAR:
        return glass, off
    other = find_mirror(shape, axis="z", found=found)
    return min((glass, off), (other, asymmetry(shape, other)), key=lambda pair: pair[1])


def _symmetrized(mesh: Mesh, glass: Kaleidoscope, context: Context) -> Mesh:
    """The mesh made symmetric, as sound as it was, without what hung on the rest only by a part that is gone; a note says what that was.

    PostconditionError when no way of cutting it keeps it so.
    """
    from kiln.geometry.cut_loose import without_cut_loose
    from kiln.geometry.symmetry import symmetrized
    from kiln.geometry.topology import topology_of

    before = topology_of(mesh)
    for snap in _SNAPS:
        made, owners = symmetrized(mesh, glass, snap=snap)
        if not made.triangle_count:
            raise PostconditionError("symmetrize: there is nothing on the side that was to be kept; keep the other one")
        made, loose = without_cut_loose(made, mesh, owners)
        after = topology_of(made)
        if not _is_worse(after, before):
            _say_loose(loose, context)
            return made
    raise PostconditionError(
        f"symmetrize: the halves do not join ({after.open_edges} open, {after.non_manifold_edges} non-manifold edges); "
        "use --plane center, or keep the other half"
    )


def _say_loose(loose: CutLoose, context: Context) -> None:
    """Note parts that were left out, once: the source's and the game mesh's are the same."""
    if loose.parts and "cut_loose" not in context.measures:
        context.note(
            f"{loose.parts} {'part' if loose.parts == 1 else 'parts'} that hung on what was cut away left out, "
            f"the largest {loose.largest:.1%} of the size; keep the other half, or another sector, if that was meant to stay"
        )
        context.measure(cut_loose=loose.parts, cut_loose_largest=loose.largest)


def _is_worse(after: Topology, before: Topology) -> bool:
    """Whether cutting and joining tore, pinched or squashed what was sound."""
    torn = before.is_closed and not after.is_closed
    pinched = before.is_manifold and not after.is_manifold
    return torn or pinched or (before.degenerate_triangles == 0 and after.degenerate_triangles > 0)


def _within_budget(mesh: Mesh, glass: Kaleidoscope, context: Context) -> Mesh:
    """The game mesh made symmetric, coarsened first where the kept part is the richer one; one with UVs stays as fine as it is."""
    from kiln.geometry.simplify import simplify

    made = _symmetrized(mesh, glass, context)
    target = mesh.triangle_count
    for _ in range(_ROUNDS):
        if mesh.uvs is not None or made.triangle_count <= mesh.triangle_count:
            break
        target = int(_MARGIN * target * mesh.triangle_count / made.triangle_count)
        made = _symmetrized(simplify(mesh, triangles=target), glass, context)
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
        return f"{glass.sectors} like sectors, each a mirror image of itself, about the axis at x = {x:.4g} m, z = {z:.4g} m; {before}"
    name, place = ("x", x) if round(glass.azimuth_degrees) % 180 == 0 else ("z", z)
    side = "positive" if round(glass.azimuth_degrees) in (0, -90) else "negative"
    return f"mirrored at {name} = {place:.4g} m, the {side} half kept; {before}"
