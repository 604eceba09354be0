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

FEWEST = 20
"""Triangles of the coarsest LOD: fewer are no shape any more."""

_NO_GAIN = 0.95
"""A LOD with more than this share of the triangles of the one before is not worth a mesh of its own."""


class LodsParams(Params):
    """How many coarser meshes, and how coarse."""

    ratios: tuple[float, ...] = Field((0.5, 0.25), max_length=7, description="triangles of LOD1, LOD2, ... as shares of LOD0's, falling")
    levels: int | None = Field(
        None, ge=1, le=8, description="how many levels with LOD0, each of half the triangles of the one before; none: as ratios say"
    )


@stage(reads=("mesh", "uvs"), writes=("lods",))
def lods(asset: Asset, params: LodsParams, context: Context) -> Asset:
    """Make LOD1, LOD2, ... of the unwrapped game mesh; they share its UVs, normals and textures."""
    from kiln.geometry.lods import coarsen

    mesh = _unwrapped(asset)
    ratios = _falling(params.ratios) if params.levels is None else tuple(0.5**level for level in range(1, params.levels))
    targets = tuple(max(FEWEST, round(ratio * mesh.triangle_count)) for ratio in ratios)
    made = coarsen(mesh, targets=targets, fitted=True)
    kept: list[Mesh] = []
    for lod, target in zip(made, targets, strict=True):
        finer = kept[-1] if kept else mesh
        if lod.triangle_count > _NO_GAIN * finer.triangle_count:
            context.note(f"no LOD of {target:,} triangles: seams and topology do not allow much fewer than {finer.triangle_count:,}")
            break
        kept.append(lod)
        _check(mesh, lod, len(kept))
        _measure(mesh, lod, target=target, level=len(kept), context=context)
        context.progress(len(kept) / len(made), f"LOD{len(kept)}")
    return replace(asset, lods=tuple(kept))


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


def _measure(mesh: Mesh, lod: Mesh, *, target: int, level: int, context: Context) -> None:
    """Say how coarse a LOD is, and how far off. Its outline and when it takes over are measured on the written file."""
    from kiln.geometry.deviation import deviation

    away = deviation(mesh, lod)
    reached = lod.triangle_count <= (1 + TOLERANCE) * target
    shortfall = "" if reached else f" (seams do not allow {target:,})"
    context.note(f"LOD{level}: {lod.triangle_count:,} triangles{shortfall}, at most {away:.2%} of the size off")
    context.measure(**{f"lod{level}_triangles": lod.triangle_count, f"lod{level}_deviation": away})


def _check(mesh: Mesh, lod: Mesh, level: int) -> None:
    """Raise PostconditionError when a LOD is torn where the game mesh is whole, or has lost UV area."""
    from kiln.geometry.areas import uv_areas
    from kiln.geometry.topology import topology_of

    whole, coarse = topology_of(mesh), topology_of(lod)
    if coarse.open_edges > whole.open_edges or coarse.non_manifold_edges > whole.non_manifold_edges:
        raise PostconditionError(f"lods: LOD{level} tore: {coarse.open_edges} open, {coarse.non_manifold_edges} non-manifold edges")
    if (uv_areas(lod) == 0).sum() > (uv_areas(mesh) == 0).sum():
        raise PostconditionError(f"lods: LOD{level} has triangles without UV area; ask for a finer one")
