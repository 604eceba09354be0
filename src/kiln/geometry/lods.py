"""Coarser meshes that share a mesh's UV layout, so that one set of textures serves all of them."""

from __future__ import annotations

from dataclasses import replace

from kiln.asset import Mesh
from kiln.geometry.inset import inset
from kiln.geometry.normals import smooth_normals
from kiln.geometry.refit import refit
from kiln.geometry.subset import Subset


def coarsen(mesh: Mesh, *, targets: tuple[int, ...], fitted: bool = False) -> tuple[Mesh, ...]:
    """One mesh a target (triangles, falling), each made of vertices of the one before, with all their attributes.

    Fitted, each one's points are moved along the mesh's normals so that its surface lies as near to the mesh's as it can, and seams that
    stray into another chart's texels are moved back in UV.

    Vertices on UV seams and on borders of materials stay on them and both sides stay together; no triangle spans two charts, turns over in
    UV or loses its UV area. Seams and borders may keep a mesh above its target. Normals missing on the mesh are added first, smooth.
    """
    whole = mesh if mesh.normals is not None else replace(mesh, normals=smooth_normals(mesh))
    subset = Subset.of(whole)
    collapsing = subset.collapsing()
    ways = smooth_normals(whole) if fitted else None
    made = []
    for target in targets:
        collapsing.to(target)
        used, lod = subset.left(collapsing)
        made.append(lod if ways is None else refit(whole, inset(whole, lod, used), along=ways[used]))
    return tuple(made)
