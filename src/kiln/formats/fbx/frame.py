"""The frames FBX files stand in: axes and units, said in the file's GlobalSettings and followed by its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

_STILL: Final = 1e-6
"""Metres, and sines of angles."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How Kiln's frame (metres, +Y up, +Z front) becomes the file's. Vertices are converted, nodes stand still."""

    rows: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    """A rotation: row i gives the file's axis i in Kiln's axes."""

    units_per_metre: float

    unit_scale_factor: float
    """Centimetres in one unit of the file."""

    up: tuple[int, int]
    """Axis and sign, as are `front` (where the asset looks; FBX calls it parity of the front axis) and `coord` (the viewer's right)."""

    front: tuple[int, int]
    coord: tuple[int, int]

    @property
    def rotation(self) -> Float64[np.ndarray, "3 3"]:
        """For column vectors, from Kiln's axes to the file's."""
        return np.array(self.rows, np.float64)

    def turned(self, vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Directions in the file's axes, exact: the rotation only swaps axes and signs."""
        axes, signs = np.nonzero(self.rotation)[1], self.rotation.sum(axis=1)
        return vectors[:, axes] * signs.astype(vectors.dtype)

    def placed(self, joints: Float64[np.ndarray, "n 4 4"], parents: Int[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
        """Joints' matrices to Kiln's frame as such to the file's: the rig is turned as a whole, as the mesh is, its own axes with it.

        So joints keep their transforms to their parents, and animations of the same rig from elsewhere fit: importers, too, turn a file's
        roots alone. A root that stands at the origin unturned stays so, as engines want theirs.
        """
        found = np.array(joints)
        found[:, :3, :3] = self.rotation @ joints[:, :3, :3]
        found[:, :3, 3] = self.turned(joints[:, :3, 3]) * self.units_per_metre
        found[still_roots(joints, parents)] = np.eye(4)
        return found


def still_roots(joints: Float64[np.ndarray, "n 4 4"], parents: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which joints are roots that stand at the origin and are not turned."""
    return (parents < 0) & (np.abs(joints - np.eye(4)).max(axis=(1, 2), initial=0) < _STILL)


UNREAL: Final = Frame(
    rows=((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    units_per_metre=100.0,
    unit_scale_factor=1.0,
    up=(2, 1),
    front=(1, -1),
    coord=(0, 1),
)
"""Centimetres, +Z up; the asset looks along -Y, which Unreal, turning Y about, makes its +Y (as its mannequins stand)."""

UNREAL_FORWARD_X: Final = Frame(
    rows=((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    units_per_metre=100.0,
    unit_scale_factor=1.0,
    up=(2, 1),
    front=(1, -1),
    coord=(0, 1),
)
"""The same with the asset turned by 90 degrees about Z, so that it looks along +X, Unreal's forward axis."""

UNITY: Final = Frame(
    rows=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    units_per_metre=1.0,
    unit_scale_factor=100.0,
    up=(1, 1),
    front=(2, 1),
    coord=(0, 1),
)
"""Metres, +Y up: Kiln's own frame, and what Unity's importer turns into its left-handed one without a rotation on the root."""
