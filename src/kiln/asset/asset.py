"""Asset: what flows between stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiln.asset.file_record import FileRecord
from kiln.asset.material import Material
from kiln.asset.mesh import Mesh
from kiln.asset.picture import Picture
from kiln.asset.primitive import Primitive
from kiln.asset.skeleton import Skeleton
from kiln.asset.voxels import Voxels

Body = tuple[Mesh, Primitive | None]
"""A convex hull, and the box, sphere or capsule that may replace it, if any is good enough."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one stage did: with which parameters, and what it has to say of it. No times: the same run must give the same record."""

    stage: str
    params: Mapping[str, object]
    notes: tuple[str, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Asset:
    """One game asset on its way: a dense source, then the game mesh with its maps, LODs and hulls, all in one frame."""

    name: str
    """A safe identifier: letters, digits and underscores."""

    source: Mesh
    """The dense mesh that detail and colour are taken from."""

    source_materials: tuple[Material, ...] = ()
    """What `source.material_ids` counts into."""

    source_voxels: Voxels | None = None
    """The source's colour and material where they come as a voxel grid; then they stand before textures and vertex colours."""

    mesh: Mesh | None = None
    """The game mesh, LOD0; from `simplify` on."""

    atlas_size: int | None = None
    """Texels on a side; from `unwrap` on."""

    material: Material | None = None
    """The game mesh's baked maps; from `bake` on."""

    lods: tuple[Mesh, ...] = ()
    """LOD1, LOD2, ...: coarser and coarser, sharing LOD0's UV layout and material."""

    hulls: tuple[Mesh, ...] = ()
    """Convex collision hulls, closed, outward."""

    fits: tuple[Primitive | None, ...] = ()
    """For each hull the box, sphere or capsule that may replace it, or None where none is good enough; fewer, even none, when no more were
    looked for. See `bodies`."""

    skeleton: Skeleton | None = None
    """What the joints of the meshes count into; None for an asset that is not skinned."""

    pictures: tuple[Picture, ...] = ()
    """The cut-out pictures it was generated from; empty for a mesh that came as a file."""

    inputs: tuple[FileRecord, ...] = ()

    history: tuple[Step, ...] = ()

    @property
    def bodies(self) -> tuple[Body, ...]:
        """Every hull with what fits it."""
        looked_for = (*self.fits, *[None] * (len(self.hulls) - len(self.fits)))
        return tuple(zip(self.hulls, looked_for, strict=True))
