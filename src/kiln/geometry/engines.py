"""What game engines accept as convex collision bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Engine = Literal["any", "unreal", "unity", "godot"]


@dataclass(frozen=True, kw_only=True)
class HullLimits:
    """What an engine takes, and what is sensible there."""

    hulls: int
    """Most hulls of one asset."""

    vertices: int
    """Most vertices of one hull."""


HULL_LIMITS: Final[dict[Engine, HullLimits]] = {
    # The least of all below.
    "any": HullLimits(hulls=32, vertices=32),
    # Overdare, which is built on Unreal, documents 32 hulls of 32 vertices; no limit of Unreal itself for UCX_ hulls was found.
    "unreal": HullLimits(hulls=32, vertices=32),
    # Unity's manual: convex mesh colliders have at most 255 triangles, which is 129 vertices of a closed hull. The number is our choice.
    "unity": HullLimits(hulls=64, vertices=129),
    # Godot's MeshConvexDecompositionSettings makes 32 vertices a hull unless told otherwise. The number of hulls is our choice.
    "godot": HullLimits(hulls=32, vertices=32),
}
"""By engine. The triangle budget usually binds first."""
