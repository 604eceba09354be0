"""A mesh corner by corner, as some reader saw it: what FBX and GLB are compared by, whoever read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class CornerMesh:
    """Three corners a triangle, in metres and glTF's frame (+Y up, +Z front), UVs from the top left."""

    name: str
    positions: np.ndarray
    """(3 F, 3) float64, as are all but `materials`."""

    normals: np.ndarray | None = None
    uvs: tuple[np.ndarray, ...] = ()
    tangents: np.ndarray | None = None
    bitangents: np.ndarray | None = None
    materials: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """(F,): which of the file's materials."""

    weights: dict[str, np.ndarray] = field(default_factory=dict)
    """By joint, (3 F,)."""

    @property
    def dimensions(self) -> np.ndarray:
        """Size of the bounding box, metres."""
        return np.ptp(self.positions, axis=0)

    def by_material(self) -> CornerMesh:
        """With the triangles ordered by material, their order kept within each, as a GLB's primitives hold them."""
        order = np.argsort(self.materials, kind="stable")
        corners = (order[:, None] * 3 + np.arange(3)).ravel()

        def take(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[corners]

        return CornerMesh(
            name=self.name,
            positions=self.positions[corners],
            normals=take(self.normals),
            uvs=tuple(uv[corners] for uv in self.uvs),
            tangents=take(self.tangents),
            bitangents=take(self.bitangents),
            materials=self.materials[order],
            weights={joint: weight[corners] for joint, weight in self.weights.items()},
        )


def differences(one: CornerMesh, other: CornerMesh) -> dict[str, float]:
    """Largest difference of any number of any corner, by attribute; infinite where only one has it, or of another shape."""
    one, other = one.by_material(), other.by_material()
    ranks = [np.unique(mesh.materials, return_inverse=True)[1] for mesh in (one, other)]
    found = {"materials": _largest(*ranks), "uv_sets": float(abs(len(one.uvs) - len(other.uvs)))}
    for name in ("positions", "normals", "tangents", "bitangents"):
        found[name] = _largest(getattr(one, name), getattr(other, name))
    for index, (a, b) in enumerate(zip(one.uvs, other.uvs, strict=False)):
        found[f"uv{index}"] = _largest(a, b)
    if one.weights or other.weights:
        nothing = np.zeros(len(one.positions))
        joints = {joint for mesh in (one, other) for joint, weight in mesh.weights.items() if weight.any()}
        found["weights"] = max(_largest(one.weights.get(j, nothing), other.weights.get(j, nothing)) for j in joints)
    return found


def _largest(a: Any, b: Any) -> float:
    if a is None and b is None:
        return 0.0
    if a is None or b is None or a.shape != b.shape:
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b).max(initial=0.0))
