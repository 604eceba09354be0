"""Small finished assets for engines: what a handover holds, with everything that tends to go wrong in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiln.asset import Asset, Material, Mesh, Skeleton
from kiln.engines import EngineOptions, Handover
from kiln.formats.asset_files import asset_files
from kiln.geometry.normals import smooth_normals
from kiln.geometry.tangents import add_tangents
from shapes import cube, sphere


def ball(rings: int = 6, segments: int = 8) -> Mesh:
    """Egg-shaped and off the origin, so that no axis can be taken for another; two UV sets, no seam split (UVs fold back there)."""
    mesh = sphere(rings, segments)
    x, y, z = mesh.positions.T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, np.arccos(np.clip(y, -1, 1)) / np.pi], 1).astype(np.float32)
    stretched = mesh.positions * np.float32((0.3, 0.5, 0.2)) + np.float32((0.1, 0.6, -0.05))
    bare = replace(mesh, positions=stretched, uvs=uvs, lightmap_uvs=uvs * np.float32(0.5) + np.float32(0.25))
    return add_tangents(replace(bare, normals=smooth_normals(bare)))


def _painted(name: str, seed: int) -> Material:
    random = np.random.default_rng(seed)
    normal = np.full((16, 16, 3), (128, 128, 255), np.uint8)
    normal[:8] = (138, 108, 253)
    orm = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    base = np.concatenate([random.integers(0, 256, (16, 16, 3), dtype=np.uint8), np.full((16, 16, 1), 255, np.uint8)], axis=2)
    return Material(name=name, base_color=base, normal=normal, orm=orm, metallic_factor=1.0, roughness_factor=1.0)


def prop(name: str = "Egg") -> Asset:
    """LOD0 with one material, two LODs, two hulls of which one stands off the origin."""
    hulls = (cube(0.5), cube(0.25).moved(offset=np.float32((0, 1, 0))))
    return Asset(name=name, source=ball(), mesh=ball(12, 16), lods=(ball(8, 10), ball(5, 6)), hulls=hulls, material=_painted(name, 0))


def many(name: str = "Patchwork") -> Asset:
    """Three materials in turn, the second without any map."""
    mesh = ball(8, 9)
    ids = np.arange(mesh.triangle_count, dtype=np.uint32) % 3
    plain = Material(name="plain", base_color_factor=(0.8, 0.1, 0.05, 1.0), roughness_factor=0.4, metallic_factor=0.0)
    materials = (_painted("first", 1), plain, _painted("third", 2))
    return Asset(name=name, source=replace(mesh, material_ids=ids), source_materials=materials)


def skinned(name: str = "Worm", bones: int = 4) -> Asset:
    """A chain of joints along +Y, each turned and moved against its parent; every vertex follows two neighbours."""
    mesh = ball(12, 16)
    names = ("root", *(f"spine_{number:02d}" for number in range(1, bones)))
    matrices = np.tile(np.eye(4), (bones, 1, 1))
    angle = 0.3
    matrices[1:, :3, :3] = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    matrices[1:, :3, 3] = (0.02, 1.0 / bones, 0.01)
    skeleton = Skeleton(names=names, parents=np.arange(-1, bones - 1, dtype=np.int32), local_matrices=matrices)
    along = np.clip((mesh.positions[:, 1] - 0.1) * (bones - 1), 0, bones - 1.001)
    first = along.astype(np.uint16)
    part = (along - first).astype(np.float32)
    joints, weights = np.zeros((len(first), 4), np.uint16), np.zeros((len(first), 4), np.float32)
    swap = part > 0.5
    joints[:, 0], joints[:, 1] = np.where(swap, first + 1, first), np.where(swap, first, first + 1)
    weights[:, 0], weights[:, 1] = np.maximum(part, 1 - part), np.minimum(part, 1 - part)
    joints[weights == 0] = 0
    bound = replace(mesh, joints=joints, weights=weights)
    return Asset(name=name, source=bound, mesh=bound, material=_painted(name, 3), skeleton=skeleton)


def handover(asset: Asset, **options: object) -> Handover:
    """The asset with the neutral package's textures, as the export stage hands it over."""
    textures = {path: data for path, data in asset_files(asset).items() if path.startswith("textures/")}
    return Handover(asset=asset, textures=textures, options=EngineOptions.model_validate(options))


def neutral(asset: Asset) -> bytes:
    """The neutral package's GLB: what every engine's files are compared with."""
    return asset_files(asset)[f"{asset.name}.glb"]
