"""What readers of skinned files share: joints among a scene's nodes, their names, and a Skeleton of them as they were bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, UInt16

from kiln.asset import Skeleton
from kiln.errors import ModelError

MOST_JOINTS: Final = 65_536
"""Vertices count joints in 16 bits."""

MOST_INFLUENCES: Final = 8
"""Of a vertex: what Unreal takes, and JOINTS_0 and JOINTS_1 of a glTF."""

Influences = tuple[UInt16[np.ndarray, "vertices 8"], Float32[np.ndarray, "vertices 8"]]
"""The joints that move each vertex, and how much."""


def nearest_joints(nodes: Iterable[tuple[int, int | None]], joints: Mapping[int, int]) -> dict[int, int]:
    """The joint that each node is, or that stands above it; -1 where there is none. Each node is given with its parent, after it."""
    found: dict[int, int] = {}
    for node, parent in nodes:
        found[node] = joints.get(node, -1 if parent is None else found[parent])
    return found


def bound_skeleton(names: Sequence[str], parents: Sequence[int], matrices: Float64[np.ndarray, "joints 4 4"]) -> Skeleton:
    """Joints by their matrices to the asset's frame, in the pose in which meshes were bound to them; parents come first.

    Scale is left out: an engine's animations turn and move joints only. ModelError for numbers that are not finite.
    """
    above = np.array(parents, np.int32)
    if not np.isfinite(matrices).all():
        raise ModelError("a joint's place holds numbers that are not finite: export the model again")
    bound = _unscaled(matrices)
    local = np.where((above < 0)[:, None, None], bound, np.linalg.inv(bound[above]) @ bound)
    return Skeleton(names=_joint_names(names), parents=above, local_matrices=local)


def _joint_names(names: Sequence[str]) -> tuple[str, ...]:
    """The nodes' names, made different where they are not."""
    taken: dict[str, None] = {}
    for number, said in enumerate(names):
        name = said or f"joint_{number}"
        while name in taken:
            name += f"_{number}"
        taken[name] = None
    return tuple(taken)


def _unscaled(matrices: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 4 4"]:
    """The nearest rotations, and the places."""
    turned = np.tile(np.eye(4), (len(matrices), 1, 1))
    u, _, v = np.linalg.svd(matrices[:, :3, :3])
    u[:, :, 2] *= np.sign(np.linalg.det(u @ v))[:, None]
    turned[:, :3, :3] = u @ v
    turned[:, :3, 3] = matrices[:, :3, 3]
    return turned
