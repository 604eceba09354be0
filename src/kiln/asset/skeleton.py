"""Skeleton: the joints that move a skinned mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int32

from kiln.asset.freeze import freeze_arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Skeleton:
    """Joints in the pose in which the mesh was bound to them; `Mesh.joints` counts into them.

    A joint's matrix takes its own frame to its parent's (column vectors, metres, +Y up), so a vertex that follows joint j by a new pose G'
    goes to G'_j inv(G_j) p, where G are `global_matrices`.
    """

    names: tuple[str, ...]
    """All different."""

    parents: Int32[np.ndarray, " joints"]
    """Each joint's parent, which comes before it; -1 for a root. Engines want a single root, the first joint."""

    local_matrices: Float64[np.ndarray, "joints 4 4"]
    """To the parent's frame; a root's to the asset's frame."""

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @cached_property
    def global_matrices(self) -> Float64[np.ndarray, "joints 4 4"]:
        """Of each joint to the asset's frame."""
        found = np.array(self.local_matrices)
        for joint, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                found[joint] = found[parent] @ found[joint]
        return found

    def moved(self, *, scale: float = 1.0, offset: Float32[np.ndarray, " 3"] | None = None) -> Skeleton:
        """The joints moved as `Mesh.moved` moves vertices; their directions and scale stay."""
        local = np.array(self.local_matrices)
        local[:, :3, 3] *= scale
        if offset is not None:
            local[self.parents < 0, :3, 3] += offset
        return replace(self, local_matrices=local)
