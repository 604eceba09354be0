"""Skins as engines take them: one root joint, names that differ, few influences a vertex."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from kiln.asset import Mesh, Skeleton
from kiln.errors import ModelError
from kiln.formats.influences import tidy_influences
from kiln.formats.names import distinct, safe_name

_MANY_JOINTS: Final = 256
"""From so many on, a joint's index takes 16 bits."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.:-][A-Za-z0-9_.: -]{0,63}")
"""Names that stay as they are, "mixamorig:Hips" and "spine.001" included: animations and retargeting find joints by name."""

_STILL: Final = 1e-4
"""Metres, and sines of angles, by which a root may miss the origin and still stand there."""

STILL_HULLS: Final = "collision hulls stand still when joints move"
"""A note for engines that get hulls with a skinned asset."""


def ready_skin(
    what: str, meshes: Sequence[Mesh], skeleton: Skeleton, *, influences: int, taken: Sequence[str] = (), still_root: bool = False
) -> tuple[tuple[Mesh, ...], Skeleton, tuple[str, ...]]:
    """LOD0 and its LODs, all skinned, and their skeleton as engines take them; and notes on what that changed.

    One root comes first, joints are named apart, at most so many `influences` move a vertex. `what` names the asset in a ModelError;
    `taken` are names of other nodes, which joints must not have. With `still_root` the root stands at the origin, not turned.
    """
    for mesh in meshes:
        _check(what, mesh, skeleton)
    ready = _with_one_root(skeleton, still=still_root)
    ready = replace(ready, names=_names_apart(ready.names, taken))
    shift = len(ready.names) - len(skeleton.names)
    notes = _notes(meshes[0], skeleton, ready, influences)
    return tuple(_limited(mesh, influences, shift) for mesh in meshes), ready, tuple(notes)


def _check(what: str, mesh: Mesh, skeleton: Skeleton) -> None:
    """Raise ModelError for weights or joints that mean nothing."""
    if mesh.joints is None or mesh.weights is None:
        raise ModelError(f"{what}: a mesh has joints without weights, or none at all: export it again with its skin")
    if not np.isfinite(mesh.weights).all() or mesh.weights.min(initial=0) < 0:
        raise ModelError(f"{what}: some skin weights are negative or no numbers: normalise them in the program it comes from")
    if (last := int(mesh.joints.max(initial=0))) >= len(skeleton.names):
        raise ModelError(
            f"{what}: vertices follow joint {last}, but the skeleton has {len(skeleton.names)}: export it again with all of them"
        )


def _with_one_root(skeleton: Skeleton, *, still: bool) -> Skeleton:
    """The skeleton as it is, or, where it has several roots, with a joint `root` at the origin before all others.

    So too when a single root must stand still and does not, as Mixamo's hips; but where that is called root already, it is put there, and
    its children stay where they are.
    """
    single = np.count_nonzero(skeleton.parents < 0) == 1
    if single and (not still or np.abs(skeleton.local_matrices[0] - np.eye(4)).max() < _STILL):
        return skeleton
    if single and skeleton.names[0].lower() == "root":
        local = np.where(
            (skeleton.parents == 0)[:, None, None], skeleton.local_matrices[0] @ skeleton.local_matrices, skeleton.local_matrices
        )
        return replace(skeleton, local_matrices=np.concatenate([np.eye(4)[None], local[1:]]))
    return Skeleton(
        names=("root", *skeleton.names),
        parents=np.concatenate([np.array([-1], np.int32), np.maximum(skeleton.parents, -1) + np.int32(1)]),
        local_matrices=np.concatenate([np.eye(4)[None], skeleton.local_matrices]),
    )


def _names_apart(names: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Names that engines take, all different, from those taken too, even when case is ignored, as Unreal does."""
    plain = [name if _PLAIN_NAME.fullmatch(name) else safe_name(name) for name in names]
    return distinct([*taken, *plain])[len(taken) :]


def _limited(mesh: Mesh, most: int, shift: int) -> Mesh:
    """The strongest joints of each vertex, counting into a skeleton with `shift` joints put before its own."""
    assert mesh.joints is not None and mesh.weights is not None  # noqa: S101 - for the type checker: they were checked
    joints, weights = tidy_influences(mesh.joints + np.uint16(shift), mesh.weights, most=min(most, mesh.joints.shape[1]))
    return replace(mesh, joints=joints, weights=weights)


def _notes(mesh: Mesh, before: Skeleton, after: Skeleton, most: int) -> list[str]:
    """Sentences on what making the skin ready changed, and on what it demands."""
    notes = []
    if mesh.weights is not None and (limited := int(np.count_nonzero(np.count_nonzero(mesh.weights, axis=1) > most))):
        notes.append(f"{limited:,} vertices were moved by more than {most} joints; the {most} strongest of each are kept")
    notes += _root_notes(before, after)
    renamed = [
        f"{old!r} is {new}"
        for old, new in zip(before.names, after.names[len(after.names) - len(before.names) :], strict=True)
        if old != new
    ]
    if renamed:
        more = f", and {len(renamed) - 3} more" if len(renamed) > 3 else ""
        notes.append(f"joints were renamed, as engines want plain letters and ignore case: {', '.join(renamed[:3])}{more}")
    if len(after.names) >= _MANY_JOINTS:
        notes.append(f"{len(after.names)} joints: from {_MANY_JOINTS} on, indices take 16 bits, which has to be allowed in some projects")
    return notes


def _root_notes(before: Skeleton, after: Skeleton) -> list[str]:
    root, roots = after.names[0], np.count_nonzero(before.parents < 0)
    if len(after.names) > len(before.names) and roots > 1:
        return [f"the skeleton had {roots} roots; they hang from a new joint, {root}, now"]
    if len(after.names) > len(before.names):
        return [f"the joint {after.names[1]} was the root, but off the origin or turned; it hangs from a new joint, {root}, now"]
    if not np.array_equal(before.local_matrices[0], after.local_matrices[0]):
        return [f"the joint {root} was off the origin or turned; it stands there unturned now, and all others where they did"]
    return []
