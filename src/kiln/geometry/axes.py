"""Whether a shape looks as if it stood upright and faced front: hints for people, never certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from kiln.asset import Mesh
from kiln.geometry.areas import triangle_areas
from kiln.geometry.distance import spread_points
from kiln.geometry.vectors import face_vectors, unit_vectors

_SIDES = ("-x", "+x", "-y", "+y", "-z", "+z")

_CONTACT = 0.02
"""How near to a side of its bounding box a surface must be to rest on it, as a share of the extent."""

_FLAT = 0.94
"""Cosine of the angle from which on a triangle looks to a side: 20 degrees."""

_FIRM, _LOOSE = 0.3, 0.05
"""Shares of a side's rectangle that rest on it: above the first a thing may well stand on that side, below the second not."""

_POINTS = 1500
"""For comparing a shape with its mirror image."""

_TELLING = 0.5
"""A mirror image must be nearer than this share of the other's distance to say that the shape faces the other way."""

_SYMMETRIC = 0.015
"""Mean distance to its mirror image, as a share of the diagonal, of what people call symmetric."""


@dataclass(frozen=True, kw_only=True)
class Stance:
    """How a shape stands in its bounding box."""

    contact: dict[str, float]
    """For each side ("-y" is the ground) the share of its rectangle that the shape rests on with flat faces."""

    asymmetry_x: float
    """Mean distance between the shape and its mirror image in X, as a share of its diagonal; animals and vehicles that face Z have 0."""

    asymmetry_z: float

    @property
    def hints(self) -> tuple[str, ...]:
        """What looks wrong, and the parameter that would cure it."""
        found = []
        side = max(self.contact, key=lambda name: self.contact[name])
        if side[1] != "y" and self.contact[side] > _FIRM and self.contact["-y"] < _LOOSE:
            top = ("-" if side[0] == "+" else "+") + side[1]
            front = " --front=-y" if top == "+z" else " --front=+y" if top == "-z" else ""
            found.append(
                f"it rests flat on its {side} side and hardly on the ground: if it lies on its side, --top={top}{front} stands it up"
            )
        if not found and self.asymmetry_z < min(_TELLING * self.asymmetry_x, _SYMMETRIC):
            found.append(
                "its left and right differ while front and back are alike: if it faces sideways, --front=+x or --front=-x turns it"
            )
        return tuple(found)


def measure_stance(mesh: Mesh) -> Stance:
    """Contact areas and symmetries of a mesh; 10k triangles take 20 ms."""
    points = spread_points(mesh, _POINTS)
    return Stance(
        contact=_contact(mesh), asymmetry_x=_asymmetry(points, 0) / mesh.diagonal, asymmetry_z=_asymmetry(points, 2) / mesh.diagonal
    )


def _contact(mesh: Mesh) -> dict[str, float]:
    low, high = (corner.astype(np.float64) for corner in mesh.bounds)
    size = np.maximum(high - low, 1e-30)
    areas, normals = triangle_areas(mesh), unit_vectors(face_vectors(mesh))
    middles = mesh.positions.astype(np.float64)[mesh.triangles].mean(axis=1)
    found = {}
    for number, name in enumerate(_SIDES):
        axis, upper = divmod(number, 2)
        away = high[axis] - middles[:, axis] if upper else middles[:, axis] - low[axis]
        looks = normals[:, axis] * (1 if upper else -1)
        resting = areas[(away < _CONTACT * size[axis]) & (looks > _FLAT)].sum()
        found[name] = float(resting / np.delete(size, axis).prod())
    return found


def _asymmetry(points: Float64[np.ndarray, "n 3"], axis: int) -> float:
    """Mean distance from the points, mirrored about the middle of their extent, to the nearest point; metres, less what chance leaves."""
    tree = cKDTree(points)
    mirrored = points.copy()
    mirrored[:, axis] = points[:, axis].min() + points[:, axis].max() - points[:, axis]
    to_next, _ = tree.query(points, k=[2])
    to_mirrored, _ = tree.query(mirrored)
    return max(float(np.mean(to_mirrored)) - float(np.mean(to_next)), 0.0)
