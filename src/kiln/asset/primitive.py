"""Primitive: a box, sphere or capsule that stands in for a convex hull where it is as good; physics engines prefer them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """A turned box, a sphere, or a capsule."""

    kind: Literal["box", "sphere", "capsule"]

    center: tuple[float, float, float]
    """Metres."""

    size: tuple[float, float, float]
    """Full extents before turning, metres. Sphere: its diameter, three times. Capsule: its axis is Y; diameter, whole height with both
    caps, diameter."""

    rotation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Unit quaternion x, y, z, w that turns the body's own axes into the asset's."""

    def moved(self, *, scale: float = 1.0, offset: Float32[np.ndarray, " 3"] | None = None) -> Primitive:
        """The body scaled about the origin of the frame, then shifted."""
        shift = np.zeros(3, np.float32) if offset is None else offset
        cx, cy, cz = (float(axis) * scale + float(by) for axis, by in zip(self.center, shift, strict=True))
        sx, sy, sz = (side * scale for side in self.size)
        return replace(self, center=(cx, cy, cz), size=(sx, sy, sz))
