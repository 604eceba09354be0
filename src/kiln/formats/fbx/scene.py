"""What an FBX file of one asset holds, in Kiln's frame; `write` converts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kiln.asset import Material, Mesh, Skeleton
from kiln.formats.fbx.frame import UNREAL, Frame

FbxSlot = Literal["base_color", "normal", "emissive"]
"""The maps of a Phong material that engines import; others travel as files beside the FBX."""


@dataclass(frozen=True, kw_only=True)
class FbxTexture:
    """A picture: referenced by `path`, and embedded too when `content` is given."""

    name: str
    path: str
    """Relative to the FBX file, with forward slashes."""

    content: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxMaterial:
    """A Phong material: textures, and the factors of `material`, of whose own maps nothing matters but whether there is an ORM map."""

    name: str
    material: Material
    textures: Mapping[FbxSlot, FbxTexture] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxModel:
    """A node with a mesh, whose `material_ids` (all 0 without) count into the scene's materials; hulls have `materials=False`."""

    name: str
    mesh: Mesh
    materials: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class FbxScene:
    """Nodes under the root; those with meshes stand still at the origin. Nodes (joints, too) have different names; so have materials."""

    models: Sequence[FbxModel] = ()
    """Meshes that stand alone: a mesh without LODs, collision hulls."""

    lod_group: str | None = None
    """Name of a LodGroup node; `lods` are its children then, LOD0 first."""

    lods: Sequence[FbxModel] = ()

    lod_thresholds: Sequence[float] = ()
    """Percent of the screen's height at which LOD i + 1 takes over from LOD i, falling: one fewer than `lods`, or none (50, 25, ...)."""

    materials: Sequence[FbxMaterial] = ()

    skeleton: Skeleton | None = None
    """Every model whose mesh has `joints` is skinned to it. The root joint hangs directly under the root node."""

    frame: Frame = UNREAL
