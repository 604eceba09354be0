"""What a mesh file holds, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiln.asset import FileRecord, Material, Mesh, Skeleton, Voxels
from kiln.errors import ModelError

_MAX_TRIANGLES: Final = 20_000_000
"""Above this a mesh would not fit beside its own simplification in the memory of a laptop."""

MAX_VERTICES: Final = 20_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Content:
    """A mesh as it was read, in Kiln's frame, with the materials its triangles refer to."""

    mesh: Mesh
    materials: tuple[Material, ...] = ()
    skeleton: Skeleton | None = None
    """What the mesh's joints count into, where skins were wanted and there are some."""

    voxels: Voxels | None = None
    notes: tuple[str, ...] = ()
    """Sentences for people: what was left out."""

    linked: tuple[FileRecord, ...] = ()
    """Further files it was read from: buffers, textures, material libraries."""


def check_counts(*, vertices: int, triangles: int) -> None:
    """Raise ModelError, before anything is allocated, for a mesh too large to work on."""
    for count, limit, things in ((vertices, MAX_VERTICES, "vertices"), (triangles, _MAX_TRIANGLES, "triangles")):
        if count > limit:
            raise ModelError(f"it declares {count:,} {things}, more than the {limit:,} that fit in memory: simplify it before")
