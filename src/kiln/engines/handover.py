"""What every engine's files are made from, and what there is to choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kiln.asset import Asset
from kiln.geometry.switch import SwitchSizes

EngineName = Literal["unreal", "unity", "godot", "blender", "portable", "web"]


class EngineOptions(BaseModel):
    """Choices for single engines. The export stage's parameters include these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forward: Literal["y", "x"] = Field(
        "y", description="Unreal: the axis the asset looks along; y as mannequins stand, x as Unreal calls forward"
    )
    nanite: bool = Field(False, description="Unreal: LOD0 alone, built for Nanite")
    embed_textures: bool = Field(False, description="Unreal and Unity: put the textures into the FBX, too")
    influences: Literal[4, 8] = Field(4, description="Unreal and Unity: most joints that move one vertex")
    compression: Literal["meshopt", "draco", "none"] = Field("meshopt", description="web: how the model's geometry is packed")
    web_textures: Literal["webp", "ktx2", "png"] = Field(
        "webp", description="web: webp loads fastest, ktx2 stays small in the GPU's memory, png is read by everything"
    )
    web_texture_size: int = Field(2048, ge=64, le=8192, description="web: textures are reduced to this", json_schema_extra={"unit": "px"})


@dataclass(frozen=True, eq=False, kw_only=True)
class Handover:
    """A finished asset as an engine gets it."""

    asset: Asset
    """Under its safe name; `mesh` and `lods` have normals, and tangents where they have UVs; `source` is not looked at."""

    textures: Mapping[str, bytes]
    """The neutral package's PNG files by path (`package_layout.texture_path`), so that nothing is encoded twice."""

    switch: tuple[SwitchSizes, ...] = ()
    """When LOD1, LOD2, ... take over; empty where that was not measured."""

    options: EngineOptions = field(default_factory=lambda: EngineOptions.model_validate({}))


@dataclass(frozen=True, kw_only=True)
class EngineFiles:
    """Files by path within the engine's folder (forward slashes), and sentences for people: what was done otherwise than asked, and why."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()
