"""A web page: LOD0 as one small GLB, a poster to show while it loads, and a page that shows it offline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from kiln.asset import Asset, Mesh, Skeleton
from kiln.engines.handover import EngineFiles, Handover
from kiln.engines.skin import ready_skin
from kiln.engines.viewer import poster, viewer_page
from kiln.engines.web_textures import largest_side, web_materials
from kiln.errors import BackendError
from kiln.formats.asset_files import game_mesh
from kiln.formats.gltf_draco import draco_glb
from kiln.formats.gltf_meshopt import meshopt_glb
from kiln.formats.gltf_write import Part, gltf_document, pack_glb
from kiln.formats.package_layout import model_path
from kiln.geometry.cache_order import in_cache_order


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a model may cost (Khronos 3D Commerce, asset creation guidelines 1.0 and the asset auditor's defaults)."""

    name: str
    size_bytes: int
    triangles: int
    draws: int
    texels: int
    """On a side of the largest texture."""


BUDGETS: Final = (
    Budget(name="a room planner on the web", size_bytes=1_000_000, triangles=40_000, draws=4, texels=1024),
    Budget(name="a catalogue or AR on a phone", size_bytes=3_000_000, triangles=150_000, draws=19, texels=2048),
    Budget(name="any page", size_bytes=5_242_880, triangles=100_000, draws=100, texels=8192),
)
"""The most frugal first."""

_WIDEST: Final = BUDGETS[-1]

_INFLUENCES: Final = 4
"""three.js and most viewers read the first four joints of a vertex only."""

_SMALLEST_SIDE: Final = 512
"""Texels; a smaller texture would spoil the asset before it mends the budget."""


def files(handover: Handover) -> EngineFiles:
    """`<asset>.glb`, packed as the options say; `poster.webp`; and `index.html`, which needs neither of them nor the network."""
    side = min(handover.options.web_texture_size, largest_side(handover))
    model, notes = _within_budget(handover, side)
    picture = poster(handover)
    page = viewer_page(handover, picture=picture, model_bytes=len(model))
    return EngineFiles(
        files={model_path(handover.asset.name): model, "index.html": page, "poster.webp": picture.webp},
        notes=tuple(notes),
    )


def _within_budget(handover: Handover, side: int) -> tuple[bytes, list[str]]:
    """The model, its textures halved until it is small enough; and what there is to say of that."""
    mesh, skeleton, notes = _ready(handover.asset)
    asked = side
    model, fallback = _model(handover, mesh, skeleton, side)
    while len(model) > _WIDEST.size_bytes and side // 2 >= _SMALLEST_SIDE:
        side //= 2
        model, fallback = _model(handover, mesh, skeleton, side)
    if side < asked:
        notes.append(f"textures are reduced from {asked:,} to {side:,} texels: with those the model would be larger than 5 MB")
    return model, [*notes, *fallback, _verdict(model, mesh, side)]


def _verdict(model: bytes, mesh: Mesh, side: int) -> str:
    draws = 1 if mesh.material_ids is None else len(np.unique(mesh.material_ids))
    textures = f"textures of {side:,} texels" if side else "no textures"
    costs = f"{len(model) / 1e6:.2f} MB, {mesh.triangle_count:,} triangles, draw calls: {draws}, {textures}"
    for budget in BUDGETS:
        within = len(model) <= budget.size_bytes and mesh.triangle_count <= budget.triangles
        if within and draws <= budget.draws and side <= budget.texels:
            return f"{costs}: within Khronos' 3D Commerce budget for {budget.name}"
    cure = "make it with fewer triangles" if mesh.triangle_count > _WIDEST.triangles else "take WebP, or make it with a smaller texture"
    return f"{costs}: more than any of Khronos' 3D Commerce budgets allows ({_WIDEST.triangles:,} triangles, 5 MB); {cure}"


def _ready(asset: Asset) -> tuple[Mesh, Skeleton | None, list[str]]:
    """LOD0 without what only Kiln reads, in the order that packs best, its skin as viewers take it; and what that changed."""
    mesh = replace(game_mesh(asset), importance=None)
    if asset.skeleton is None or mesh.joints is None:
        return in_cache_order(replace(mesh, joints=None, weights=None)), None, []
    (skinned,), skeleton, notes = ready_skin(asset.name, (mesh,), asset.skeleton, influences=_INFLUENCES, taken=(asset.name,))
    return in_cache_order(skinned), skeleton, list(notes)


def _model(handover: Handover, mesh: Mesh, skeleton: Skeleton | None, side: int) -> tuple[bytes, list[str]]:
    """The GLB, and a note if it had to be packed otherwise than asked."""
    materials = web_materials(handover, side=side)
    document = gltf_document([Part(name=handover.asset.name, mesh=mesh)], materials, skeleton)
    if handover.options.compression == "none":
        return pack_glb(*document), []
    if handover.options.compression == "meshopt":
        return meshopt_glb(*document), []
    try:
        return draco_glb(*document), []
    except BackendError as error:
        return meshopt_glb(*document), [f"packed with meshopt instead of Draco: {error}"]
