"""lods: coarser meshes on the game mesh's own UV layout, so that its textures serve them too."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from pydantic import Field

from kiln.asset import Asset, Mesh
from kiln.errors import PostconditionError, RecipeError
from kiln.stages.stage import Context, Params, stage

TOLERANCE = 0.05
"""A LOD within this share of its target has hit it."""


class LodsParams(Params):
    """How many coarser meshes, and how coarse."""

    ratios: tuple[float, ...] = Field((0.5, 0.25), max_length=7, description="triangles of LOD1, LOD2, ... as shares of LOD0's, falling")


@stage(reads=("mesh", "uvs"), writes=("lods",))
def lods(asset: Asset, params: LodsParams, context: Context) -> Asset:
    """Make LOD1, LOD2, ... of the unwrapped game mesh; they share its UVs, normals and textures."""
    from kiln.geometry.lods import coarsen, deviation

    mesh = _unwrapped(asset)
    targets = tuple(max(4, round(ratio * mesh.triangle_count)) for ratio in _falling(params.ratios))
    made = coarsen(mesh, targets=targets)
    for level, (lod, target) in enumerate(zip(made, targets, strict=True), start=1):
        _check(mesh, lod, level)
        away = deviation(mesh, lod)
        reached = lod.triangle_count <= (1 + TOLERANCE) * target
        shortfall = "" if reached else f" (seams do not allow {target:,})"
        context.note(f"LOD{level}: {lod.triangle_count:,} triangles{shortfall}, at most {away:.2%} of the size away from LOD0")
        context.measure(**{f"lod{level}_triangles": lod.triangle_count, f"lod{level}_deviation": away})
    return replace(asset, lods=made)


def _unwrapped(asset: Asset) -> Mesh:
    """The game mesh, which must have UVs."""
    if asset.mesh is None or asset.mesh.uvs is None:
        raise RecipeError("lods: LODs share the game mesh's UVs, and there are none yet; put unwrap before lods")
    return asset.mesh


def _falling(ratios: tuple[float, ...]) -> tuple[float, ...]:
    """The ratios, if each is below the one before and above 0."""
    if any(not 0 < after < before for before, after in pairwise((1.0, *ratios))):
        raise RecipeError(f"lods: ratios must fall from below 1 towards 0, like 0.5, 0.25; got {', '.join(f'{r:g}' for r in ratios)}")
    return ratios


def _check(mesh: Mesh, lod: Mesh, level: int) -> None:
    """Raise PostconditionError when a LOD is torn where the game mesh is whole, or has lost UV area."""
    from kiln.geometry.areas import uv_areas
    from kiln.geometry.topology import measure_topology

    whole, coarse = measure_topology(mesh), measure_topology(lod)
    if coarse.open_edges > whole.open_edges or coarse.non_manifold_edges > whole.non_manifold_edges:
        raise PostconditionError(f"lods: LOD{level} tore: {coarse.open_edges} open, {coarse.non_manifold_edges} non-manifold edges")
    if (uv_areas(lod) == 0).sum() > (uv_areas(mesh) == 0).sum():
        raise PostconditionError(f"lods: LOD{level} has triangles without UV area; ask for a finer one")
