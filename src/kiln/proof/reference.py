"""The dense source as the truth that a game mesh is compared with: made ready once, looked at by every measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from kiln.asset import Material, Mesh, Voxels
from kiln.geometry.bake import SurfacePoints, Target
from kiln.render.surface import Look, Surface, ready_for_surface

_LEAST_GUESS = 1 / 255
"""Less does not show in a map of 8 bits; interpolation's rounding made 2 % of well-seen texels guessed by 1e-7."""


def look_of(mesh: Mesh, materials: tuple[Material, ...]) -> Look:
    """A mesh's colour and shading normal as renderers show it: with the normals and tangents they make up where a file has none."""
    plain = tuple(replace(material, orm=None, emissive=None) for material in materials)  # a third of a look is spent on what nobody asks
    return Look(ready_for_surface(mesh, materials), plain)


class Reference:
    """A source mesh, its rays and what it looks like. Making it takes 2 s per million triangles, or nothing where the bake looked at it."""

    def __init__(self, mesh: Mesh, materials: tuple[Material, ...] = (), *, voxels: Voxels | None = None) -> None:
        self.mesh = mesh
        ready = ready_for_surface(mesh, materials)
        self.scene = Target(mesh, ready=ready).scene
        self._look = Look(ready, materials, voxels=voxels)

    @staticmethod
    def is_guessed(surface: Surface) -> Bool[np.ndarray, " n"] | None:
        """Where colour was guessed, so that later stages may have changed it; None when it was nowhere."""
        return None if surface.guessed is None else surface.guessed > _LEAST_GUESS

    def look_at(self, points: SurfacePoints) -> Surface:
        """Colour and shading normal at points of the source."""
        return self._look.at(points)
